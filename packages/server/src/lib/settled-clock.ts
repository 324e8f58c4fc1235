import type { Clock } from "./clock.ts";
import { uptimeMs } from "./uptime.ts";

/** A clock that was set may be wrong for a while. If it is, somebody notices within this time. */
const SETTLED_AFTER_MS = 3_600_000;
/** Smaller corrections of clocks are normal. */
const TOLERATED_MS = 60_000;

/**
 * Whether the clock can be believed: it has kept pace with this process for an hour. A clock that jumps, in either direction, is not
 * believed at once, so what cannot be brought back is removed only when the process has seen the time pass.
 */
export class SettledClock {
  readonly #clock: Clock;
  /** The clock and the process have agreed since then. */
  #since: { clock: number; uptime: number };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = this.#now();
  }

  /** Call this before each removal: a jump there and back between two calls is not noticed, and does no harm. */
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
