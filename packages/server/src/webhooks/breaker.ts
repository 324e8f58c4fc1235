import type { Clock } from "../lib/clock.ts";

/** Failures in a row after which an address is left alone, and for how long. */
const FAILURES = 20;
const OPEN_MS = 30_000;

/**
 * Stops sending to an address that has failed many times in a row, whatever was sent there. After a while one try goes through: if it
 * succeeds, it closes the breaker; if not, it opens it for as long again.
 */
export class Breaker {
  readonly #clock: Clock;
  #failures = 0;
  #openUntil: number | undefined;
  #isTrying = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return this.#openUntil !== undefined;
  }

  /** Whether one may be tried now, though it is open. */
  get isDue(): boolean {
    if (this.#openUntil === undefined || this.#isTrying) return false;
    const leftMs = this.#openUntil - this.#clock.now();
    // A clock that was set back does not lengthen it.
    return leftMs <= 0 || leftMs > OPEN_MS;
  }

  /** Called when the try of an open breaker begins. */
  trying(): void {
    this.#isTrying = true;
  }

  /** @returns whether this closes it */
  succeeded(): boolean {
    const closes = this.isOpen;
    this.#failures = 0;
    this.#openUntil = undefined;
    this.#isTrying = false;
    return closes;
  }

  /** @returns whether this opens a closed breaker */
  failed(): boolean {
    const opens = !this.isOpen && this.#failures + 1 >= FAILURES;
    this.#failures += 1;
    this.#isTrying = false;
    if (this.#failures >= FAILURES) this.#openUntil = this.#clock.now() + OPEN_MS;
    return opens;
  }

  /** The try had no result. */
  leftOff(): void {
    this.#isTrying = false;
  }
}
