/** Which of some names somebody may have meant: the one that is at most a third of its letters away; undefined: none. Pure. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const [[steps, found] = []] = names
    .map((known) => [distance(name.toLowerCase(), known.toLowerCase()), known] as const)
    .sort(([one], [other]) => one - other);
  return steps !== undefined && found !== undefined && steps <= Math.max(1, found.length / 3) ? found : undefined;
}

/** How many letters have to be added, removed or changed (Levenshtein). */
function distance(from: string, to: string): number {
  let row = [...to, ""].map((_, at) => at);
  for (const [at, letter] of [...from].entries()) {
    const next = [at + 1];
    for (const [to_, other] of [...to].entries()) {
      const changed = (row[to_] as number) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[to_ + 1] as number) + 1, (next[to_] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
