import type { Store } from "@parley/client/store";

/** Names of the people on the page: the store reads them while they are shown. */
export class Names {
  readonly #store: Store;
  readonly #watched = new Map<number, () => void>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Undefined while it is not known; the store tells when it is. */
  of(uid: number): string | undefined {
    const person = this.#store.person(uid);
    if (!this.#watched.has(uid))
      this.#watched.set(
        uid,
        person.subscribe(() => {}),
      );
    return person.getSnapshot()?.name;
  }

  /** Nobody is shown any more. */
  clear(): void {
    for (const end of this.#watched.values()) end();
    this.#watched.clear();
  }
}
