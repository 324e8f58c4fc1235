/** Somebody who does one thing after the other, at about this rate a second, until the end of the run. */
export class Paced {
  readonly #perSecond: number;
  #over = false;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  end(): void {
    this.#over = true;
  }

  /** Resolves after `end`, when what was begun is done. Time lost in an outage is not made up for. */
  async each(act: () => Promise<void>): Promise<void> {
    while (!this.#over) {
      await act();
      await Bun.sleep(1000 / this.#perSecond);
    }
  }
}
