import type { Env } from "./env.ts";

/** Names in the environment that look like misspelt names of ours, as sentences. They are only warned about. */
export function likelyTypos(env: Env, known: readonly string[]): string[] {
  const ours = new Set(known);
  return Object.keys(env).flatMap((name) => {
    if (ours.has(name) || !/^[A-Z0-9_-]+$/i.test(name)) return [];
    const written = name.toUpperCase().replace(/^PARLEY_/, "");
    const meant = known.find((one) => editDistance(written, one) <= allowance(one));
    return meant === undefined || env[meant] !== undefined ? [] : [`${name} is not a setting; is ${meant} meant?`];
  });
}

/** Short names have neighbours that mean something else: HOME is two letters from HOST. */
function allowance(name: string): number {
  return name.length < 7 ? 1 : 2;
}

/** Edits between two words, two neighbours in the wrong order being one (optimal string alignment distance). */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [line, letter] of [...a].entries()) {
    const next = [line + 1];
    for (const [column, other] of [...b].entries()) {
      const edits = [next[column]! + 1, row[column + 1]! + 1, row[column]! + (letter === other ? 0 : 1)];
      const swapped = line > 0 && column > 0 && letter === b[column - 1] && a[line - 1] === other;
      if (swapped) edits.push(before[column - 1]! + 1);
      next.push(Math.min(...edits));
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
