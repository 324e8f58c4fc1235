import { LIMITS } from "@parley/protocol";
import { uptimeMs } from "../lib/uptime.ts";

/** A client that heartbeats, types and resumes needs far less; a burst is what a page sends when it wakes up. */
const FRAMES_BURST = 100;
const FRAMES_PER_SECOND = 10;

/**
 * What one connection may send: frames by a bucket, broken ones by their times in a sliding window. Kept small, since every
 * connection has one. Times are `uptimeMs`.
 */
export class InboundAllowance {
  #frames = FRAMES_BURST;
  #at: number;
  #bad: readonly number[] = NONE;

  constructor(now = uptimeMs()) {
    this.#at = now;
  }

  /** Counts a frame. @returns false when it is one too many */
  takeFrame(now = uptimeMs()): boolean {
    this.#frames = Math.min(FRAMES_BURST, this.#frames + ((now - this.#at) / 1000) * FRAMES_PER_SECOND) - 1;
    this.#at = now;
    return this.#frames >= 0;
  }

  /** Counts a broken frame. @returns false when the connection has to be closed */
  takeBadFrame(now = uptimeMs()): boolean {
    this.#bad = [...this.#bad.filter((at) => now - at <= LIMITS.badFramesMs), now];
    return this.#bad.length < LIMITS.badFrames;
  }
}

/** Shared by all connections without broken frames, that is by nearly all of them. */
const NONE: readonly number[] = [];
