import type { Clock } from "./clock.ts";
import { uptimeMs } from "./uptime.ts";

/** A clock that was set may be wrong for a while; somebody notices within this time, or it is right. */
const SETTLED_AFTER_MS = 3_600_000;
/** Clocks are set by less than this all the time. */
const TOLERATED_MS = 60_000;

/**
 * Whether the clock can be believed: it has gone on as this process has for an hour. A clock that jumps, in either direction, is not believed at
 * once; so what cannot be brought back is removed only when the process has seen the time pass.
 */
export class SettledClock {
  readonly #clock: Clock;
  /** From here on they have agreed. */
  #since: { clock: number; uptime: number };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = this.#now();
  }

  /** To be asked before each removal: between two questions a jump there and back is not noticed, and does no harm. */
  isSettled(): boolean {
    const now = this.#now();
    const passed = now.uptime - this.#since.uptime;
    if (Math.abs(now.clock - this.#since.clock - passed) > TOLERATED_MS) {
      this.#since = now;
      return false;
    }
    return passed >= SETTLED_AFTER_MS;
  }

  #now() {
    return { clock: this.#clock.now(), uptime: uptimeMs() };
  }
}
