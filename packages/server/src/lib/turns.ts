/** Too many wait already. */
export class TooManyWaiting extends Error {
  override name = "TooManyWaiting";
}

/** Lets a few run at once; a bounded number of others wait, in order of arrival. */
export class Turns {
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(bounds: { atOnce: number; waitingMax: number }) {
    this.#free = bounds.atOnce;
    this.#waitingMax = bounds.waitingMax;
  }

  /** @throws TooManyWaiting; otherwise as `work` does */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      // The turn is passed on rather than freed, so that nobody overtakes.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw new TooManyWaiting();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
