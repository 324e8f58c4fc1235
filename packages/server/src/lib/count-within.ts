/** How many of these, from the first one on, have at most `most` characters together; at least one, where there is one. */
export function countWithin(lengths: readonly number[], most: number): number {
  let left = most;
  for (const [index, length] of lengths.entries()) {
    left -= length;
    if (left < 0) return Math.max(1, index);
  }
  return lengths.length;
}
