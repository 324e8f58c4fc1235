import { uptimeMs } from "../lib/uptime.ts";
import { CONNECTION_RATES } from "../limits/limits.ts";

const { frames, badFrames } = CONNECTION_RATES;

/**
 * What one connection may send: frames by a bucket, broken ones by their times in a sliding window. Kept small, because every connection
 * has one. Times are `uptimeMs`.
 */
export class InboundAllowance {
  #frames: number = frames.burst;
  #at: number;
  #bad: readonly number[] = NONE;

  constructor(now = uptimeMs()) {
    this.#at = now;
  }

  /** Counts a frame. @returns false when it is one too many */
  takeFrame(now = uptimeMs()): boolean {
    this.#frames = Math.min(frames.burst, this.#frames + ((now - this.#at) / frames.windowMs) * frames.count) - 1;
    this.#at = now;
    return this.#frames >= 0;
  }

  /** Counts a broken frame. @returns false when the connection has to be closed */
  takeBadFrame(now = uptimeMs()): boolean {
    this.#bad = [...this.#bad.filter((at) => now - at <= badFrames.windowMs), now];
    return this.#bad.length < badFrames.count;
  }
}

/** Shared by all connections without broken frames, that is by nearly all of them. */
const NONE: readonly number[] = [];
