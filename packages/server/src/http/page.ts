import { z } from "@hono/zod-openapi";
import { LIMITS } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import { limitParam } from "./openapi.ts";

/** The cursor of a list, from the previous page; an empty one counts as none. */
export function cursorParamOf(name: string) {
  return z
    .string("must be given once")
    .max(SIZES.pageCursor.count, "is not a cursor that this list gave")
    .optional()
    .transform((cursor) => (cursor === "" ? undefined : cursor))
    .openapi({
      param: { name, in: "query", description: "`nextCursor` of the previous page" },
      type: "string",
      maxLength: SIZES.pageCursor.count,
    });
}

export const cursorParam = cursorParamOf("cursor");

export const pageQuery = z.object({ cursor: cursorParam, limit: limitParam });

const nextCursor = z
  .string()
  .min(1)
  .max(SIZES.pageCursor.count)
  .nullable()
  .openapi({ description: "Null: this is the last page" });

/** A cursor of events: what a reply already holds. */
export const asOf = z
  .string()
  .regex(/^[0-9a-f]{16};\*@\d{1,16}$/)
  .openapi({ description: "A cursor of events: the reply contains everything up to it" });

/** What a list answers with. */
export function pageOf<S extends z.ZodType>(item: S, most: number = LIMITS.pageMax) {
  return z.object({ items: z.array(item).max(most), nextCursor });
}

/** For a cursor that the list cannot have given. */
export function invalidCursor(path = "cursor"): ProblemError {
  const message = "is not a cursor that this list gave";
  return new ProblemError("invalid", `${path}: ${message}`, { extra: { errors: [{ path, message }] } });
}

/** A list's cursor that is a number: that of the last item on the page. @throws ProblemError `invalid` */
export function parseNumberCursor(cursor: string | undefined, path = "cursor"): number | undefined {
  if (cursor === undefined) return undefined;
  const number = /^\d{1,16}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw invalidCursor(path);
  return number;
}

/** A cursor made from any text, such as the last item's key. */
export function textCursor(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** The text of a `textCursor`. @throws ProblemError `invalid` */
export function parseTextCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, "base64url").toString();
  // Text that is not base64url of UTF-8 comes out of this as something else. A 0 byte is in no text that is stored, and PostgreSQL refuses one.
  if (textCursor(text) !== cursor || text.includes("\0")) throw invalidCursor();
  return text;
}
