/**
 * Which of some names somebody may have meant: the one that begins most like it, by three letters at least; undefined: none. Capitals and
 * signs make no difference. Pure.
 */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const letters = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "");
  for (let length = letters(name).length; length > 2; length--) {
    const found = names.find((known) => letters(known).startsWith(letters(name).slice(0, length)));
    if (found) return found;
  }
  return undefined;
}
