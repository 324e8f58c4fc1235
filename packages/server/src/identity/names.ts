import { LIMITS, nameTextSchema } from "@parley/protocol";
import { skeleton } from "../lib/skeleton.ts";

/** Joiners, variation selectors, fillers, the Braille blank: two names that differ only in these look the same. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** A person's name as they write it. */
export const nameSchema = nameTextSchema(LIMITS.nameCodePoints).meta({ example: "Ada" });

/**
 * What is unique about a name: NFKC, without invisible characters and repeated spaces, case folded. Also what a prefix
 * search compares. Never contains an upper-case ASCII letter; `deletedKey`, `displayNameKey` and `profile-writes.ts` rely on it. Empty for a name with nothing
 * visible.
 */
export function nameKey(name: string): string {
  return Array.from(shown(name), folded).join("").normalize("NFKC");
}

/** The visible part of a name. */
function shown(name: string): string {
  return name.normalize("NFKC").replace(INVISIBLE, "").replace(/\s+/gu, " ").trim();
}

/**
 * What a name looks like: as it is written, in lower and in upper case, because people know a name in any case. Two names look alike if
 * they share one of these.
 */
export function nameLooks(name: string): string[] {
  const seen = shown(name);
  return [...new Set([seen, nameKey(name), seen.toUpperCase()].map(skeleton))];
}

/** The name shown for somebody whose account was deleted. Nobody else has this name. */
export const DELETED_NAME = "Deleted user";
const RESERVED: ReadonlySet<string> = new Set(nameLooks(DELETED_NAME));

/** Whether the name looks like one that this server itself shows, which nobody may have. */
export function isReserved(name: string): boolean {
  return nameLooks(name).some((look) => RESERVED.has(look));
}

/**
 * Full case folding of one code point: through upper case, since some lower-case letters share one (ß, ẞ and ss; σ and
 * ς). The dotless i is the exception: it folds to itself, though its upper case is I.
 */
function folded(codePoint: string): string {
  return codePoint === "ı" ? codePoint : codePoint.toLowerCase().toUpperCase().toLowerCase();
}

/** Code points of a display name that count for its place in a search. */
const DISPLAY_KEY_CODE_POINTS = 64;

/**
 * The key of a person who has an external id: a search for the beginning of the name finds it, and no name has it. So many people may have
 * the same name, and nobody can sign in by it.
 */
export function displayNameKey(name: string, uid: number): string {
  return `${[...nameKey(name)].slice(0, DISPLAY_KEY_CODE_POINTS).join("")} EXTERNAL ${uid}`;
}

/** The key of a deleted account, which no name has, so that the name is free again. */
export function deletedKey(uid: number): string {
  return `DELETED ${uid}`;
}
