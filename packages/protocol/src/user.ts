import { z } from "zod";
import { countSchema, idSchema } from "./ids.ts";
import { SERVER_LIMITS } from "./server-limits.ts";

/** Characters of a picture's address. */
export const PICTURE_LENGTH = 1024;

/** Text in replies and pushes, of `min` to `max` code points. */
export function shownTextSchema(min: number, max: number) {
  return z
    .string()
    .refine((text) => codePoints(text) >= min && codePoints(text) <= max, `must have ${min} to ${max} characters`)
    .meta({ minLength: min, maxLength: max });
}

/** Of `User`. People of the product have the longest names. */
export const userSchema = z.object({
  uid: idSchema,
  name: shownTextSchema(1, SERVER_LIMITS.displayNameCodePoints),
  avatar: z.string().max(PICTURE_LENGTH),
  power: z.union([z.literal(0), z.literal(1)]),
  createdAt: countSchema,
});

/** Counts what a person sees as characters: code points, not UTF-16 units. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Texts without control characters, as patterns that any language can read: the API's document has them too. */
const ONE_LINE = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
const MULTILINE = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]*$";

/** True for a lone surrogate, which UTF-8 and PostgreSQL cannot hold. */
function isIllFormed(text: string): boolean {
  return !text.isWellFormed();
}

/** Text of `min` to `max` code points without control characters (line breaks and tabs only where `multiline`). */
export function textSchema(min: number, max: number, multiline = false) {
  const pattern = multiline ? MULTILINE : ONE_LINE;
  const allowed = new RegExp(pattern);
  return z
    .string()
    .refine((text) => !isIllFormed(text), "must be well-formed Unicode")
    .refine((text) => allowed.test(text), "must not contain control characters")
    .refine((text) => codePoints(text) >= min && codePoints(text) <= max, `must have ${min} to ${max} characters`)
    .meta({ minLength: min, maxLength: max, pattern });
}

/** Directions and breaks that reach beyond the name they stand in and disorder the text around it. */
export const UNRULY = /[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
/** Spaces, joiners, variation selectors, fillers, and two blanks that Unicode counts as symbols. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{White_Space}\u2800\u{1d159}]/gu;

/** A name of a person or a room: 1 to `max` code points after trimming, at least one of them visible, none unruly. */
export function nameTextSchema(max: number) {
  return z
    .string()
    .trim()
    .pipe(textSchema(1, max))
    .refine((name) => !UNRULY.test(name), "must not contain characters that change the text's direction or line")
    .refine((name) => name === "" || name.replace(UNSEEN, "") !== "", "must have a visible character")
    .meta({ minLength: 1, maxLength: max });
}

const PICTURE = /^(|https?:\/\/[^\s"'<>\\]+|\/[^/\s"'<>\\][^\s"'<>\\]*)$/u;

/**
 * A picture's address: on the web, a path of this server, or empty for none. Anything else, such as `javascript:`, would
 * be run or fetched elsewhere.
 */
export const pictureSchema = z
  .string()
  .max(PICTURE_LENGTH)
  .refine(
    (text) => PICTURE.test(text) && !/[\p{Cc}\p{Cf}]/u.test(text) && URL.canParse(text, "https://localhost"),
    "must be an http or https URL, a path of this server, or empty",
  )
  .refine((text) => !isIllFormed(text), "must be well-formed Unicode")
  .meta({ pattern: PICTURE.source });
