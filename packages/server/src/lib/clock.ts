/**
 * Small tools that know nothing of this server: time, randomness, bounded structures. This folder is the only place that
 * may read the system clock, start timers or draw random numbers; everything else is handed what it needs, so that tests
 * decide what time it is. Each file is one tool. Nothing here imports from another folder, except error codes from the
 * protocol package.
 */

/** Wall-clock time in epoch milliseconds. It may jump when the machine's clock is set; do not measure durations with it. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that stands still until it is told to move. For tests. */
export class ManualClock implements Clock {
  #now: number;

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
