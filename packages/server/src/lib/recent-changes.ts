/** Changes that are remembered, unless said otherwise. */
const MAX = 4096;

/**
 * When things changed, to tell whether a read was overtaken by a change. Bounded: older changes can only not be ruled out.
 */
export class RecentChanges<K> {
  /** Key -> the moment of its last change, the oldest first. */
  readonly #changes = new Map<K, number>();
  /** Changes at or before this moment may have been forgotten. */
  #since: number;
  readonly #max: number;

  /** @param start the moment from which changes will be recorded: a position, a counter, anything that rises */
  constructor(start: number, max = MAX) {
    this.#since = start;
    this.#max = max;
  }

  note(key: K, at: number): void {
    this.#changes.delete(key);
    this.#changes.set(key, at);
    if (this.#changes.size <= this.#max) return;
    const [oldest, moment] = this.#changes.entries().next().value as [K, number];
    this.#changes.delete(oldest);
    this.#since = moment;
  }

  /** True when it changed after that moment, or when that cannot be ruled out. */
  changedSince(key: K, at: number): boolean {
    return at < this.#since || (this.#changes.get(key) ?? 0) > at;
  }
}
