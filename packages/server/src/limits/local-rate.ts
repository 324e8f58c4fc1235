import { RateLimiter, TokenBucket } from "limiter";
import { LRUCache } from "lru-cache";
import type { ProblemError } from "../lib/problem.ts";
import { rateLimited } from "./rate-limited.ts";
import type { RateRow } from "./row.ts";

/** More than the people and addresses that one process is made for; each key takes about 0.5 KB. */
export const LOCAL_KEYS_MAX = 20_000;

/** A bucket with a burst, or a count per window: both answer at once, and take all of what is asked for or nothing. */
type Bucket = TokenBucket | RateLimiter;

/**
 * One row of `LOCAL_RATES`, counted per key (a user, an address) by this process, without a promise. Beyond it: 429
 * `rate_limited` with Retry-After.
 *
 * A row with a burst is a bucket that holds `burst` and refills evenly. One without is a window: never more than `count` from
 * its first use to its end, and behind that what a bucket of `count` has refilled. Time is the process's uptime, so a wall
 * clock that is set lifts and prolongs nothing. The key unused for longest is forgotten beyond `LOCAL_KEYS_MAX`: it starts full
 * when it comes back, which is too lenient for that key but bounds the memory.
 */
export class LocalRate {
  readonly #row: RateRow;
  readonly #onFull: () => void;
  readonly #onCounted: (key: string | number, amount: number) => void;
  /** Undefined while rates are off: then every call passes. */
  readonly #buckets: LRUCache<string | number, Bucket> | undefined;

  /**
   * @param options.onFull called whenever there is no room for what is asked
   * @param options.onCounted told of what is counted, and, as less than nothing, of what is taken back
   */
  constructor(row: RateRow, { enabled, onFull = () => {}, onCounted = () => {} }: LocalRateOptions) {
    this.#row = row;
    this.#onFull = onFull;
    this.#onCounted = onCounted;
    // With a size of 1 each, rather than with `max`, the cache takes memory as it fills.
    if (enabled) this.#buckets = new LRUCache({ maxSize: LOCAL_KEYS_MAX, sizeCalculation: () => 1 });
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.#buckets?.size ?? 0;
  }

  /** False while rates are off: then every call passes. */
  get enabled(): boolean {
    return this.#buckets !== undefined;
  }

  /** Counts `amount`, or counts nothing and refuses. @throws ProblemError `rate_limited` */
  take(key: string | number, amount = 1): void {
    if (!this.#buckets) return;
    const bucket = this.#bucketOf(this.#buckets, key);
    if (!bucket.tryRemoveTokens(amount)) throw this.#refusal(bucket.getWaitTime(amount));
    this.#onCounted(key, amount);
  }

  /** Counts one if one is left; never refuses. @returns whether it was counted (true while rates are off) */
  tryTake(key: string | number): boolean {
    if (!this.#buckets) return true;
    if (!this.#bucketOf(this.#buckets, key).tryRemoveTokens(1)) {
      this.#onFull();
      return false;
    }
    this.#onCounted(key, 1);
    return true;
  }

  /** Refuses if so many more would be too many; counts nothing. @throws ProblemError `rate_limited` */
  check(key: string | number, amount = 1): void {
    const waitMs = this.#waitMs(key, amount);
    if (waitMs > 0) throw this.#refusal(waitMs);
  }

  /** Whether one more could be counted; counts nothing. */
  hasRoom(key: string | number): boolean {
    return this.#waitMs(key, 1) === 0;
  }

  /** Takes back what was counted, such as for work that did not come about. */
  giveBack(key: string | number, amount = 1): void {
    const bucket = this.#buckets?.get(key);
    if (!bucket) return;
    returnTo(bucket, amount);
    this.#onCounted(key, -amount);
  }

  /** Another process has counted so much; less than nothing: has taken it back. */
  countElsewhere(key: string | number, amount: number): void {
    if (!this.#buckets) return;
    const bucket = this.#bucketOf(this.#buckets, key);
    if (amount < 0) return returnTo(bucket, -amount);
    // Begins a new window if the last one has ended, and takes nothing.
    bucket.tryRemoveTokens(0);
    const inner = innerOf(bucket);
    inner.drip();
    // What both have counted may be more than there was: then it is missing from what comes, or each process would pass all that refills.
    inner.content = Math.max(-inner.bucketSize, inner.content - amount);
    if (bucket instanceof RateLimiter) bucket.tokensThisInterval += amount;
  }

  #refusal(waitMs: number): ProblemError {
    this.#onFull();
    return rateLimited(this.#row.counts, waitMs);
  }

  #waitMs(key: string | number, amount: number): number {
    return this.#buckets?.get(key)?.getWaitTime(amount) ?? 0;
  }

  #bucketOf(buckets: LRUCache<string | number, Bucket>, key: string | number): Bucket {
    let bucket = buckets.get(key);
    if (!bucket) {
      bucket = newBucket(this.#row);
      buckets.set(key, bucket);
    }
    return bucket;
  }
}

interface LocalRateOptions {
  readonly enabled: boolean;
  readonly onFull?: (() => void) | undefined;
  readonly onCounted?: ((key: string | number, amount: number) => void) | undefined;
}

function newBucket({ count, windowMs, burst }: RateRow): Bucket {
  if (burst === undefined) return new RateLimiter({ tokensPerInterval: count, interval: windowMs });
  const bucket = new TokenBucket({ bucketSize: burst, tokensPerInterval: count, interval: windowMs });
  bucket.content = burst;
  return bucket;
}

/** Neither kind has a way back of its own. A window that ended since has a count of its own, which nothing is taken from. */
function returnTo(bucket: Bucket, amount: number): void {
  const inner = innerOf(bucket);
  inner.content = Math.min(inner.bucketSize, inner.content + amount);
  if (bucket instanceof RateLimiter) bucket.tokensThisInterval = Math.max(0, bucket.tokensThisInterval - amount);
}

function innerOf(bucket: Bucket): TokenBucket {
  return bucket instanceof TokenBucket ? bucket : bucket.tokenBucket;
}
