/**
 * Work that must not overlap with other work of the same key: one after another, in order of arrival. Work of different keys does not wait
 * for each other. The caller bounds what may wait.
 */
export class InTurn<K> {
  /** The end of the last work of each key that has any. */
  readonly #ends = new Map<K, Promise<void>>();

  /** Keys that have work in progress. */
  get size(): number {
    return this.#ends.size;
  }

  async run<T>(key: K, work: () => Promise<T>): Promise<T> {
    const before = this.#ends.get(key);
    const { promise: end, resolve } = Promise.withResolvers<void>();
    this.#ends.set(key, end);
    try {
      await before;
      return await work();
    } finally {
      if (this.#ends.get(key) === end) this.#ends.delete(key);
      resolve();
    }
  }
}
