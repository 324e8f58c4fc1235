import type { Gap } from "../event-log/gaps.ts";

/** Times that someone was out of a room which are kept apart. */
export const GAPS_MAX = 50;

/** What a membership says of reading. */
export interface Reach {
  readonly fromSeq: number;
  /** What was logged while he was out, rising: no reader of the log gets it. */
  readonly gaps: readonly Gap[];
  /** He may look up what lies in gaps before this seq: he came back while the room showed its history. */
  readonly openedSeq: number;
}

/**
 * What someone may read who comes back with the event `joinedSeq`: what he could read before, and what comes now. In between
 * lies a gap. Where the room shows its history, coming back opens everything to be looked up. Pure.
 */
export function comeBack(
  before: Reach & { leftSeq: number },
  { history, joinedSeq }: { history: "all" | "joined"; joinedSeq: number },
): Reach {
  const away: Gap = [before.leftSeq + 1, joinedSeq - 1];
  const gaps = away[0] > away[1] ? [...before.gaps] : [...before.gaps, away];
  const dropped = gaps.splice(0, Math.max(0, gaps.length - GAPS_MAX)).at(-1);
  if (history === "all") return { fromSeq: 1, gaps, openedSeq: joinedSeq };
  // What is not told apart any more is closed, with all that lies before it.
  const closed = dropped !== undefined && dropped[0] >= before.openedSeq;
  return { fromSeq: closed ? dropped[1] + 1 : before.fromSeq, gaps, openedSeq: before.openedSeq };
}

/** Of a row's `gaps`. */
export function parseGaps(text: string): Gap[] {
  return JSON.parse(text) as Gap[];
}

/** Of a row's `gaps`, those in which nothing may be looked up either. */
export function closedGaps(text: string, openedSeq: number): Gap[] {
  return parseGaps(text).filter(([from]) => from >= openedSeq);
}
