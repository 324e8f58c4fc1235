import { LRUCache } from "lru-cache";
import { uptimeMs } from "../lib/uptime.ts";
import { rateLimited } from "./rate-limited.ts";
import type { RateRow } from "./row.ts";

export const SHARED_KEYS_MAX = 50_000;

/** A count of something for which nobody is signed in: in this process, in one that counts for several, or in Redis. */
export interface CountedTogether {
  /** Counts one, or counts nothing and refuses. @throws ProblemError `rate_limited` */
  take(key: string | number): Promise<void>;
  /** Counts one if one is left; never refuses. @returns whether it was counted (true while rates are off) */
  tryTake(key: string | number): Promise<boolean>;
  /** Refuses if one more would be too many; counts nothing. @throws ProblemError `rate_limited` */
  check(key: string | number): Promise<void>;
  /** Takes back one that was counted, such as for work that the server had no room for. */
  giveBack(key: string | number): Promise<void>;
  /** Forgets what was counted for a key, such as after a sign-in that worked. */
  reset(key: string | number): Promise<void>;
}

/** From a key's first count to its end; behind that the key has none. */
interface Window {
  counted: number;
  /** By the process's uptime, so a wall clock that is set lifts and prolongs nothing. */
  readonly endsAt: number;
}

/**
 * One row of `SHARED_RATES`, counted per key in a window that begins with the key's first count, in the memory of this process. Beyond it:
 * 429 `rate_limited` with Retry-After. What is counted is counted before a call returns. A refused one counts nothing, and a key of which
 * all is given back has no window.
 *
 * A window is not a sliding one: at the turn of two windows there can be twice the count within one window's length. `redis/redis-rate.ts`
 * counts in the same way; one suite is for both.
 */
export class SharedRate implements CountedTogether {
  readonly #row: RateRow;
  readonly #onFull: () => void;
  /** Undefined while rates are off: then every call passes. Beyond its bound the key unused for longest starts anew. */
  readonly #windows: LRUCache<string | number, Window> | undefined;

  /** @param options.onFull called whenever there is no room for what is asked */
  constructor(row: RateRow, { enabled, onFull = () => {} }: { enabled: boolean; onFull?: (() => void) | undefined }) {
    this.#row = row;
    this.#onFull = onFull;
    // With a size of 1 each, rather than with `max`, the cache takes memory as it fills.
    if (enabled) this.#windows = new LRUCache({ maxSize: SHARED_KEYS_MAX, sizeCalculation: () => 1 });
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.#windows?.size ?? 0;
  }

  async take(key: string | number): Promise<void> {
    this.#refuse(this.#count(key));
  }

  async tryTake(key: string | number): Promise<boolean> {
    return this.#count(key) === 0;
  }

  async check(key: string | number): Promise<void> {
    this.#refuse(this.#waitMs(this.#windowOf(key)));
  }

  async giveBack(key: string | number): Promise<void> {
    const window = this.#windowOf(key);
    if (!window) return;
    window.counted -= 1;
    if (window.counted === 0) this.#windows?.delete(key);
  }

  async reset(key: string | number): Promise<void> {
    this.#windows?.delete(key);
  }

  /** Counts one that another place has let pass, whether or not there is room for it here. */
  note(key: string | number): void {
    const window = this.#windowOf(key);
    if (window) window.counted += 1;
    else this.#windows?.set(key, { counted: 1, endsAt: uptimeMs() + this.#row.windowMs });
  }

  /** @returns the milliseconds until one more may come; 0: it was counted */
  #count(key: string | number): number {
    const waitMs = this.#waitMs(this.#windowOf(key));
    if (waitMs === 0) this.note(key);
    return waitMs;
  }

  #windowOf(key: string | number): Window | undefined {
    const window = this.#windows?.get(key);
    return window && window.endsAt > uptimeMs() ? window : undefined;
  }

  #waitMs(window: Window | undefined): number {
    if (!window || window.counted < this.#row.count) return 0;
    this.#onFull();
    return Math.ceil(window.endsAt - uptimeMs());
  }

  #refuse(waitMs: number): void {
    if (waitMs > 0) throw rateLimited(this.#row.counts, waitMs);
  }
}
