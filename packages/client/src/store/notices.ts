/**
 * Tells listeners that something has changed, once the store is consistent again: what an event or a reply brings is applied to all parts
 * first. A listener is called once, however many of the things that it listens to have changed.
 */
export class Notices {
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new Set<() => void>();
  /** Listeners to any change at all. */
  readonly any = new Set<() => void>();
  #depth = 0;

  /** @param onError gets what a listener throws; the others are called all the same */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Listeners are called after `change`, for everything that it tells. */
  run<T>(change: () => T): T {
    this.#depth += 1;
    try {
      return change();
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#flush();
    }
  }

  /** Only within `run`. */
  tell(listeners: Iterable<() => void>): void {
    for (const listener of listeners) this.#waiting.add(listener);
    for (const listener of this.any) this.#waiting.add(listener);
  }

  #flush(): void {
    const listeners = [...this.#waiting];
    this.#waiting.clear();
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
