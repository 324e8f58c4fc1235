import prototypes from "unhomoglyph/data.json";

/** Unicode's confusables: a character, and the prototype of everything that looks like it. */
const PROTOTYPES = new Map<string, string>(Object.entries(prototypes));

/**
 * What texts that look alike have in common (UTS 39): each character is replaced by the prototype of its look-alikes, such as Cyrillic
 * а by a, 0 by O, and I by l. It is not for showing. A migration has to make stored ones anew when the table changes.
 */
export function skeleton(text: string): string {
  const replaced = Array.from(text.normalize("NFD"), (character) => PROTOTYPES.get(character) ?? character);
  return replaced.join("").normalize("NFD");
}
