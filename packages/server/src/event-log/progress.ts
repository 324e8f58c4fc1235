import { encodePush, Push, type ResyncWhy } from "@parley/protocol";
import type { Place } from "./log-reader.ts";

/** How far one reader is in one stream. It moves forward as events are taken, and ends with the reader's leaving. */
export interface Progress {
  /** The reader has every event of the stream up to this seq. */
  have: number;
  /** Position of `have`; infinite while it is unknown, which keeps the stream named in cursors. */
  havePos: number;
  /** The last seq that the reader may read, which is their leaving or the end of the room; null: there is no end yet. */
  until: number | null;
  /** The seq of the reader's present joining; leavings before it no longer count. */
  readonly joinedSeq: number;
}

/** The progress of a reader in a stream that they join, for the first time or again, with the event `seq`. */
export function progressFromJoin(seq: number): Progress {
  return { have: seq - 1, havePos: Number.POSITIVE_INFINITY, until: null, joinedSeq: seq };
}

/**
 * Moves a reader over events that were removed before they had them, at most to where they stop reading.
 * @param gone the newest removed event
 * @returns whether they missed any, so that they have to be told
 */
export function skipTrimmed(progress: Progress, gone: Place): boolean {
  const upTo = Math.min(gone.seq, progress.until ?? Number.POSITIVE_INFINITY);
  if (progress.have >= upTo) return false;
  progress.have = upTo;
  if (progress.havePos !== Number.POSITIVE_INFINITY) progress.havePos = gone.pos;
  return true;
}

/** Whether the reader has everything that they may read of a stream whose newest event is `headSeq`. */
export function isComplete(progress: Progress, headSeq: number): boolean {
  return progress.have >= headSeq || isOver(progress);
}

/** Whether the reader has left the stream and has had their last event of it. */
export function isOver(progress: Progress): boolean {
  return progress.until !== null && progress.have >= progress.until;
}

export function resync(data: { stream: string; seq?: number; cursor?: string; why: ResyncWhy }): string {
  return encodePush(Push.RESYNC, data);
}
