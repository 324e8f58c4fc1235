/** A number from 0 to below 1. */
type Random = () => number;

/**
 * How long to wait before each further try, in milliseconds: the time doubles up to the longest, and half of it is left to chance, so that
 * many who failed at the same moment do not come back at the same moment.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: Random;
  #tries = 0;

  constructor(parts: { firstMs: number; longestMs: number; random?: Random }) {
    this.#firstMs = parts.firstMs;
    this.#longestMs = parts.longestMs;
    this.#random = parts.random ?? Math.random;
  }

  next(): number {
    const whole = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#tries);
    if (whole < this.#longestMs) this.#tries += 1;
    return whole / 2 + (whole / 2) * this.#random();
  }

  /** After a success. */
  reset(): void {
    this.#tries = 0;
  }
}
