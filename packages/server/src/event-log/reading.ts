import { encodePush, Push, type ResyncWhy } from "@parley/protocol";
import type { Place } from "./place.ts";

/** How far a reader is in one stream. */
export interface Reading {
  /** They have everything up to this seq. */
  have: number;
  /** Position of `have`; infinite while it is not known, which keeps the stream named in cursors. */
  havePos: number;
  /** Last seq that they may read; null: all. */
  until: number | null;
  /** The seq of their joining; leavings before it no longer count. */
  readonly joinedSeq: number;
}

/** The reading of a stream that a reader joins, for the first time or again, with this event. */
export function readingFromJoin(seq: number): Reading {
  return { have: seq - 1, havePos: Number.POSITIVE_INFINITY, until: null, joinedSeq: seq };
}

/**
 * Moves a reader over events that were removed before they had them, at most to where they stop reading.
 * @param gone the newest removed event
 * @returns whether they missed any, so that they have to be told
 */
export function skipTrimmed(reading: Reading, gone: Place): boolean {
  const upTo = Math.min(gone.seq, reading.until ?? Number.POSITIVE_INFINITY);
  if (reading.have >= upTo) return false;
  reading.have = upTo;
  if (reading.havePos !== Number.POSITIVE_INFINITY) reading.havePos = gone.pos;
  return true;
}

/** Everything that they may read of a stream with this head has been read. */
export function isComplete(reading: Reading, headSeq: number): boolean {
  return reading.have >= headSeq || isOver(reading);
}

/** They have left, and have had the last event. */
export function isOver(reading: Reading): boolean {
  return reading.until !== null && reading.have >= reading.until;
}

export function resync(data: { stream: string; seq?: number; cursor?: string; why: ResyncWhy }): string {
  return encodePush(Push.RESYNC, data);
}
