/** The result of `editDistance` for words that are further apart than any caller cares about. */
const FAR = 3;

/**
 * Edits between two words, two neighbours in the wrong order being one (optimal string alignment distance). Anything above two is
 * three: words of such different lengths are not compared.
 */
export function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) >= FAR) return FAR;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 0; line < a.length; line++) {
    const next = [line + 1];
    for (let column = 0; column < b.length; column++) {
      const edits = [next[column]! + 1, row[column + 1]! + 1, row[column]! + (a[line] === b[column] ? 0 : 1)];
      const swapped = line > 0 && column > 0 && a[line] === b[column - 1] && a[line - 1] === b[column];
      if (swapped) edits.push(before[column - 1]! + 1);
      next.push(Math.min(...edits));
    }
    before = row;
    row = next;
  }
  return Math.min(row[b.length]!, FAR);
}
