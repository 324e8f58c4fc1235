/**
 * Seqs of a stream, both ends included, that a reader does not get although he gets what is before and after them: he was out
 * of the room, and came back.
 */
export type Gap = readonly [from: number, to: number];

/** The gap that holds this seq. */
export function gapOf(gaps: readonly Gap[], seq: number): Gap | undefined {
  return gaps.find(([from, to]) => seq >= from && seq <= to);
}

/** The gap in which a reader who has everything up to this seq is: he has left, and has not come back yet. */
export function gapAfter(gaps: readonly Gap[], have: number): Gap | undefined {
  return gaps.find(([from, to]) => have >= from - 1 && have <= to);
}

/** How many seqs from `after` (excluded) to `upTo` lie in no gap. */
export function readableBetween(gaps: readonly Gap[], after: number, upTo: number): number {
  const hidden = gaps.map(([from, to]) => Math.max(0, Math.min(to, upTo) - Math.max(from - 1, after)));
  return Math.max(0, upTo - after - hidden.reduce((sum, count) => sum + count, 0));
}
