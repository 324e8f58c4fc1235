import type { Clock } from "../lib/clock.ts";

/** The times of a batch: see `WriteTransaction`. */
export interface BatchTime {
  readonly now: number;
  readonly clockNow: number;
}

/** Gives each batch its time: the clock's, and never one before that of an earlier batch. */
export class BatchTimes {
  readonly #clock: Clock;
  readonly #uptime: () => number;
  /** The time of the newest batch, and the uptime at which it got it. */
  #latest = 0;
  #latestAt = 0;

  /** @param uptime milliseconds that the process has run, which no clock sets */
  constructor(clock: Clock, uptime: () => number) {
    this.#clock = clock;
    this.#uptime = uptime;
  }

  /**
   * The clock's time, or, while that is behind the newest batch, a time that goes on at half the clock's pace. So the clock catches up with it, and what is
   * counted in this time, such as the age of a message, takes twice as long rather than for ever.
   * @param logAt what the log's row says: another process may have written
   */
  next(logAt: number): BatchTime {
    const clockNow = this.#clock.now();
    const uptime = this.#uptime();
    const sinceLatest = uptime - this.#latestAt;
    if (logAt > this.#latest) this.#latest = logAt;
    if (clockNow >= this.#latest) this.#latest = clockNow;
    else if (sinceLatest < 2) return { now: this.#latest, clockNow };
    else this.#latest = Math.max(clockNow, this.#latest + Math.floor(sinceLatest / 2));
    this.#latestAt = uptime;
    return { now: this.#latest, clockNow };
  }
}
