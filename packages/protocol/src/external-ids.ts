import { z } from "zod";
import { idParamSchema, idSchema } from "./ids.ts";
import { SERVER_LIMITS } from "./server-limits.ts";
import { nameTextSchema, textSchema, UNRULY } from "./user.ts";

/**
 * What the product calls one of its people or rooms. It never changes. One that begins with `~` would be taken for an id of ours
 * in a path, and no address can have `.` or `..` as a part.
 */
export const externalIdSchema = textSchema(1, SERVER_LIMITS.externalIdCodePoints)
  .refine((id) => !id.startsWith("~"), "must not begin with ~")
  .refine((id) => id !== "." && id !== "..", "must not be . or ..")
  .refine((id) => id.trim() !== "", "must have a visible character");

/** One of the people or rooms: an external id is a text, an id of ours a number. */
export type Ref = string | number;

/** As a JSON body names it. */
export const refSchema = z.union([externalIdSchema, idSchema], {
  error: "must be an external id (a string of 1 to 128 characters) or one of Parley's ids (a number)",
});

/** As a path names it: the external id, or `~` and an id of ours. */
export const refParamSchema = z.string().transform((text, context): Ref => {
  const isOurs = text.startsWith("~");
  const parsed = isOurs ? idParamSchema.safeParse(text.slice(1)) : externalIdSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  for (const { message } of parsed.error.issues) {
    context.addIssue({ code: "custom", message: isOurs ? `what follows ~ ${message}` : message });
  }
  return z.NEVER;
});

/** The name of a person who has an external id: it is shown, and nothing else. */
export const displayNameSchema = nameTextSchema(SERVER_LIMITS.displayNameCodePoints);

/** What of a text can be shown as such a name, cut to its length; undefined where nothing can. */
export function fittingDisplayName(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const shown = value.toWellFormed().replace(new RegExp(`[\\p{Cc}${UNRULY.source.slice(1, -1)}]+`, "gu"), " ");
  const cut = [...shown.trim()].slice(0, SERVER_LIMITS.displayNameCodePoints).join("");
  return displayNameSchema.safeParse(cut).data;
}
