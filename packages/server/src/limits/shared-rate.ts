import { LRUCache } from "lru-cache";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { rateLimited } from "./rate-limited.ts";
import type { RateRow } from "./row.ts";

export const SHARED_KEYS_MAX = 50_000;

/**
 * One row of `SHARED_RATES`, counted per key in a window that begins with the key's first count. Beyond it: 429 `rate_limited`
 * with Retry-After. Every call returns a promise, since the counts may be kept by a store that several nodes share; here they
 * are in memory, and what is counted is counted before the call returns. A refused one counts nothing.
 *
 * A window is not a sliding one: at the turn of two windows there can be twice the count within one window's length.
 */
export class SharedRate {
  readonly #row: RateRow;
  readonly #onFull: () => void;
  /** Undefined while rates are off: then every call passes. */
  readonly #store: RateLimiterMemory | undefined;
  /** The keys of the store, in the order of use: it has no bound of its own. One that leaves starts anew when it comes back. */
  readonly #keys: LRUCache<string | number, true>;

  /** @param options.onFull called whenever there is no room for what is asked */
  constructor(row: RateRow, { enabled, onFull = () => {} }: { enabled: boolean; onFull?: (() => void) | undefined }) {
    this.#row = row;
    this.#onFull = onFull;
    const { count, windowMs } = row;
    const store = enabled ? new RateLimiterMemory({ points: count, duration: windowMs / 1000 }) : undefined;
    this.#store = store;
    // With a size of 1 each, rather than with `max`, the cache takes memory as it fills.
    this.#keys = new LRUCache({
      maxSize: SHARED_KEYS_MAX,
      sizeCalculation: () => 1,
      dispose: (_, key) => void store?.delete(key),
    });
  }

  /** Keys that the store has a count of; the store's own number, so that a test sees what it keeps. */
  get size(): number {
    return this.#store?.dump().storage.length ?? 0;
  }

  /** Counts one, or counts nothing and refuses. @throws ProblemError `rate_limited` */
  async take(key: string | number): Promise<void> {
    const waitMs = await this.#count(key);
    if (waitMs > 0) throw rateLimited(this.#row.counts, waitMs);
  }

  /** Counts one if one is left; never refuses. @returns whether it was counted (true while rates are off) */
  async tryTake(key: string | number): Promise<boolean> {
    return (await this.#count(key)) === 0;
  }

  /** Refuses if one more would be too many; counts nothing. @throws ProblemError `rate_limited` */
  async check(key: string | number): Promise<void> {
    const counted = await this.#store?.get(key);
    if (counted && counted.msBeforeNext > 0 && counted.consumedPoints >= this.#row.count) {
      this.#onFull();
      throw rateLimited(this.#row.counts, counted.msBeforeNext);
    }
  }

  /** Takes back one that was counted, such as for work that the server had no room for. */
  async giveBack(key: string | number): Promise<void> {
    const counted = await this.#store?.get(key);
    // Behind the end of its window there is nothing to take back, and the store would begin the next one with less than nothing.
    if (counted && counted.msBeforeNext > 0 && counted.consumedPoints > 0) await this.#store?.reward(key);
  }

  /** Forgets what was counted for a key, such as after a sign-in that worked. */
  async reset(key: string | number): Promise<void> {
    // The store's count goes with it, see `dispose`.
    this.#keys.delete(key);
  }

  /** @returns the milliseconds until one more may come; 0: it was counted */
  async #count(key: string | number): Promise<number> {
    if (!this.#store) return 0;
    if (!this.#keys.get(key)) this.#keys.set(key, true);
    try {
      await this.#store.consume(key);
      return 0;
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      this.#onFull();
      await this.#store.reward(key);
      return refused.msBeforeNext;
    }
  }
}
