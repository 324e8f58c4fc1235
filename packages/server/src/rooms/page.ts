import { z } from "@hono/zod-openapi";
import { limitParam } from "../http/openapi.ts";
import { ProblemError } from "../lib/problem.ts";

/** `cursor` of a list: the page before gave it; an empty one counts as none. */
export const cursorParam = z
  .string()
  .max(64)
  .optional()
  .transform((cursor) => (cursor === "" ? undefined : cursor))
  .openapi({ param: { name: "cursor", in: "query" }, type: "string" });

export const pageQuery = z.object({ cursor: cursorParam, limit: limitParam });

/** A list's cursor that is a number: of the last item that was given out. @throws ProblemError `cursor_malformed` */
export function numberCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (!/^\d{1,16}$/.test(cursor)) throw new ProblemError("cursor_malformed");
  return Number(cursor);
}

/** Cuts a list that was read one longer than asked. */
export function cut<T>(rows: readonly T[], limit: number, cursorOf: (last: T) => number) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? String(cursorOf(last)) : null };
}
