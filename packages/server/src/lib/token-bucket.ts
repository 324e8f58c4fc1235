import type { Clock } from "./clock.ts";

export interface BucketRate {
  /** How many may come at once after a pause; at least 1. */
  readonly burst: number;
  /** How many come back per second. */
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  /** Epoch milliseconds of the last refill. */
  at: number;
}

/**
 * Token buckets by key, in memory. At most `maxKeys` are kept; the one unused for longest goes first and starts full when
 * it comes back, which is too lenient for that key but bounds the memory.
 */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #rate: BucketRate;
  readonly #clock: Clock;
  readonly #maxKeys: number;

  constructor({ rate, clock, maxKeys = 50_000 }: { rate: BucketRate; clock: Clock; maxKeys?: number }) {
    this.#rate = rate;
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Milliseconds until one token is there; 0 means now. Takes nothing. */
  waitMs(key: string): number {
    return this.#waitMs(this.#refilled(key));
  }

  /** Takes one token and returns 0, or takes nothing and returns the milliseconds until one is there. */
  take(key: string): number {
    const bucket = this.#refilled(key);
    const wait = this.#waitMs(bucket);
    if (wait === 0) {
      bucket.tokens -= 1;
      this.#keep(key, bucket);
    }
    return wait;
  }

  /** Forgets a key: its next use finds a full bucket. */
  reset(key: string): void {
    this.#buckets.delete(key);
  }

  #waitMs(bucket: Bucket): number {
    // A token is whole but for rounding errors of the refill; without the margin a caller who waits exactly as long as told is refused.
    if (bucket.tokens >= 1 - 1e-6) return 0;
    return Math.ceil(((1 - bucket.tokens) / this.#rate.perSecond) * 1000);
  }

  #refilled(key: string): Bucket {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#rate.burst, at: now };
    // The wall clock may be set back: then nothing is refilled, and counting goes on from the new time.
    const elapsedMs = Math.max(0, now - bucket.at);
    bucket.tokens = Math.min(this.#rate.burst, bucket.tokens + (elapsedMs / 1000) * this.#rate.perSecond);
    bucket.at = now;
    return bucket;
  }

  #keep(key: string, bucket: Bucket): void {
    // Deleting first moves the key to the end: a Map's order is then the order of use.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#maxKeys) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
  }
}
