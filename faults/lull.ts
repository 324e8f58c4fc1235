/** A period in which nothing new happens, so that the number of people online holds steady. */
export class Lull {
  #over: Promise<void> = Promise.resolve();

  /** Resolves when the lull is over. */
  begin(ms: number): Promise<void> {
    this.#over = Bun.sleep(ms);
    return this.#over;
  }

  /** Resolves when there is no lull. */
  get over(): Promise<void> {
    return this.#over;
  }
}
