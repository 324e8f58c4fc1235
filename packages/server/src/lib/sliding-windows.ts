import type { Clock } from "./clock.ts";

export interface WindowRate {
  /** How many may come within any span of `windowMs`. */
  readonly count: number;
  readonly windowMs: number;
}

/**
 * Counts by key in a sliding window, in memory: never more than `count` within any `windowMs`, which a bucket that refills
 * cannot promise. For small counts, since each is a number kept. At most `maxKeys`; the one unused for longest goes first.
 */
export class SlidingWindows {
  readonly #times = new Map<string, number[]>();
  readonly #rate: WindowRate;
  readonly #clock: Clock;
  readonly #maxKeys: number;

  constructor({ rate, clock, maxKeys = 50_000 }: { rate: WindowRate; clock: Clock; maxKeys?: number }) {
    this.#rate = rate;
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#times.size;
  }

  /** Milliseconds until one more may come; 0 means now. Counts nothing. */
  waitMs(key: string): number {
    return this.#waitMs(this.#recent(key));
  }

  /** Counts one and returns 0, or counts nothing and returns the milliseconds until one may come. */
  take(key: string): number {
    const recent = this.#recent(key);
    const wait = this.#waitMs(recent);
    if (wait === 0) this.#keep(key, [...recent, this.#clock.now()]);
    return wait;
  }

  reset(key: string): void {
    this.#times.delete(key);
  }

  #waitMs(recent: readonly number[]): number {
    const oldest = recent[recent.length - this.#rate.count];
    return oldest === undefined ? 0 : oldest + this.#rate.windowMs - this.#clock.now();
  }

  /** Counts of the last window: each is younger than it, so that a wait is never nothing. One from the future was taken before the clock was set back: it counts as from now. */
  #recent(key: string): number[] {
    const now = this.#clock.now();
    const times = this.#times.get(key) ?? [];
    return times.map((at) => Math.min(at, now)).filter((at) => now - at < this.#rate.windowMs);
  }

  #keep(key: string, times: number[]): void {
    this.#times.delete(key);
    this.#times.set(key, times);
    if (this.#times.size > this.#maxKeys) this.#times.delete(this.#times.keys().next().value as string);
  }
}
