import { z } from "@hono/zod-openapi";
import { LIMITS, textSchema } from "@parley/protocol";

/** Directions and breaks that reach beyond the name they stand in and disorder the text around it. */
const UNRULY = /[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
/** Joiners, variation selectors, fillers: two names that differ in these only look the same. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;

/** A name as its owner writes it: 1 to 32 code points after trimming, at least one of them visible. */
export const nameSchema = z
  .string()
  .trim()
  .pipe(textSchema(1, LIMITS.nameCodePoints))
  .refine((name) => !UNRULY.test(name), "must not contain characters that change the text's direction or line")
  .refine((name) => name === "" || nameKey(name) !== "", "must have a visible character")
  .openapi({ type: "string", minLength: 1, maxLength: LIMITS.nameCodePoints, example: "Ada" });

/**
 * What is unique about a name: NFKC, without invisible characters and repeated spaces, case folded. Also what a prefix
 * search compares. Never contains an upper-case ASCII letter; `deletedKey` relies on it. Empty for a name with nothing
 * visible.
 */
export function nameKey(name: string): string {
  const shown = name.normalize("NFKC").replace(INVISIBLE, "").replace(/\s+/gu, " ").trim();
  return Array.from(shown, folded).join("").normalize("NFKC");
}

/**
 * Full case folding of one code point: through upper case, since some lower-case letters share one (ß, ẞ and ss; σ and
 * ς). The dotless i is the exception: it folds to itself, though its upper case is I.
 */
function folded(codePoint: string): string {
  return codePoint === "ı" ? codePoint : codePoint.toLowerCase().toUpperCase().toLowerCase();
}

/** The key of a deleted account: one that no name has, so that the name is free again. */
export function deletedKey(uid: number): string {
  return `DELETED ${uid}`;
}
