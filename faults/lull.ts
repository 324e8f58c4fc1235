/** A while in which nothing new happens, so that the number of people online stands. */
export class Lull {
  #over: Promise<void> = Promise.resolve();

  /** Resolves when it is over. */
  begin(ms: number): Promise<void> {
    this.#over = Bun.sleep(ms);
    return this.#over;
  }

  /** Resolves when there is none. */
  get over(): Promise<void> {
    return this.#over;
  }
}
