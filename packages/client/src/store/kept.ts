/** How many entries are kept beyond those in use, including the one that was asked for last. */
const UNUSED_AT_MOST = 20;

/** Things by key: those that are in use, and a few others that were asked for last. */
export class Kept<K, T> {
  readonly #isUsed: (key: K) => boolean;
  /** The one that was asked for last comes last. */
  readonly #all = new Map<K, T>();

  constructor(isUsed: (key: K) => boolean) {
    this.#isUsed = isUsed;
  }

  /** The entry that is there, or else what `make` returns. */
  get(key: K, make: () => T): T {
    const found = this.#all.get(key) ?? make();
    this.#all.delete(key);
    this.#all.set(key, found);
    this.#trim(key);
    return found;
  }

  peek(key: K): T | undefined {
    return this.#all.get(key);
  }

  keys(): K[] {
    return [...this.#all.keys()];
  }

  entries(): [K, T][] {
    return [...this.#all];
  }

  delete(key: K): void {
    this.#all.delete(key);
  }

  clear(): void {
    this.#all.clear();
  }

  #trim(newest: K): void {
    if (this.#all.size <= UNUSED_AT_MOST) return;
    const unused = this.keys().filter((key) => key !== newest && !this.#isUsed(key));
    for (const key of unused.slice(0, Math.max(0, unused.length + 1 - UNUSED_AT_MOST))) this.#all.delete(key);
  }
}
