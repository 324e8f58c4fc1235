/** A message that was stored. Its id is its place in the log. Times are those of `monotonic-clock.ts`. */
export interface StoredAt {
  readonly id: number;
  /** It was not stored before this. */
  readonly askedAt: number;
  /** It was stored, and shown to readers, before this. */
  readonly answeredAt: number;
}

/**
 * Finds between which places the log ended at a moment, worked out from the messages that were sent around it. The server's
 * clocks are not consulted.
 */
export class Moments {
  /** Rising times, and the highest place that had been acknowledged by then. */
  readonly #answered: { readonly at: number; readonly pos: number }[] = [];
  /** Falling times, and the lowest place of the messages first sent at that time or later. */
  readonly #asked: { readonly at: number; readonly pos: number }[] = [];

  constructor(stored: readonly StoredAt[]) {
    let highest = 0;
    for (const { id, answeredAt } of stored.toSorted((a, b) => a.answeredAt - b.answeredAt)) {
      highest = Math.max(highest, id);
      this.#answered.push({ at: answeredAt, pos: highest });
    }
    let lowest = Number.POSITIVE_INFINITY;
    for (const { id, askedAt } of stored.toSorted((a, b) => b.askedAt - a.askedAt)) {
      lowest = Math.min(lowest, id);
      this.#asked.push({ at: askedAt, pos: lowest });
    }
  }

  /** The log went at least this far then. */
  atLeast(at: number): number {
    return last(this.#answered, (one) => one.at <= at)?.pos ?? 0;
  }

  /** The log went at most this far then. */
  atMost(at: number): number {
    return (last(this.#asked, (one) => one.at >= at)?.pos ?? Number.POSITIVE_INFINITY) - 1;
  }
}

/** The last entry for which `holds` is true, where it is true for the first entries and for none after them. */
function last<T>(list: readonly T[], holds: (one: T) => boolean): T | undefined {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (holds(list[middle - 1] as T)) low = middle;
    else high = middle - 1;
  }
  return list[low - 1];
}
