import { encodePush, Push, type ResyncWhy } from "@parley/protocol";
import { type Gap, gapAfter, readableBetween } from "./gaps.ts";

/** How far a reader is in one stream. */
export interface Reading {
  /** He has everything up to this seq. */
  have: number;
  /** Position of `have`; infinite while it is not known, which keeps the stream named in cursors. */
  havePos: number;
  /** Last seq he may read; null: all. */
  until: number | null;
  /** What is not for him on the way, rising; it counts as had. */
  readonly gaps: readonly Gap[];
  /** Where he came in last: leaves before it were followed by that. */
  readonly lastJoinedSeq: number;
}

/** Of a stream that he came into, first or again, with this event of it. */
export function rejoined(seq: number): Reading {
  return { have: seq - 1, havePos: Number.POSITIVE_INFINITY, until: null, gaps: [], lastJoinedSeq: seq };
}

/** Moves a reader who has left over what was logged until he came back, at most to the head. */
export function skipGap(reading: Reading, head: { seq: number; pos: number }): void {
  const gap = gapAfter(reading.gaps, reading.have);
  const to = gap && Math.min(gap[1], head.seq);
  if (to === undefined || to <= reading.have) return;
  reading.have = to;
  if (to === head.seq) reading.havePos = head.pos;
}

/**
 * Moves a reader over events that were removed before he had them, at most to where he stops reading.
 * @param gone the newest removed event
 * @returns whether he might have read any of them: he has to be told
 */
export function skipTrimmed(reading: Reading, gone: { seq: number; pos: number }): boolean {
  const upTo = Math.min(gone.seq, reading.until ?? Number.POSITIVE_INFINITY);
  if (reading.have >= upTo) return false;
  const missed = readableBetween(reading.gaps, reading.have, upTo);
  reading.have = upTo;
  reading.havePos = gone.pos;
  return missed > 0;
}

/** Everything that he may read of a stream with this head has been read. */
export function isComplete(reading: Reading, headSeq: number): boolean {
  return reading.have >= headSeq || isOver(reading);
}

/** He has left, and has had the last event. */
export function isOver(reading: Reading): boolean {
  return reading.until !== null && reading.have >= reading.until;
}

export function resync(data: { stream: string; seq?: number; cursor?: string; why: ResyncWhy }): string {
  return encodePush(Push.RESYNC, data);
}
