import type { Progress } from "./progress.ts";

const NO_END = -1;

/**
 * How far a reader is in all their streams, in two lists: a quarter of the memory of a map. A waiting reader keeps nothing else, and there
 * may be as many of them as connections.
 */
export class PackedStreams {
  readonly #names: readonly string[];
  /** Four numbers for each stream, in the order of the names. */
  readonly #numbers: number[] = [];

  /** @param shared returns the name that others hold as well, so that readers share the texts */
  constructor(streams: ReadonlyMap<string, Progress>, shared: (name: string) => string) {
    this.#names = [...streams.keys()].map(shared);
    for (const { have, havePos, until, joinedSeq } of streams.values()) {
      this.#numbers.push(have, havePos, until ?? NO_END, joinedSeq);
    }
  }

  unpack(): Map<string, Progress> {
    const streams = new Map<string, Progress>();
    for (const [index, name] of this.#names.entries()) {
      const [have = 0, havePos = 0, until = 0, joinedSeq = 0] = this.#numbers.slice(4 * index, 4 * index + 4);
      streams.set(name, { have, havePos, until: until === NO_END ? null : until, joinedSeq });
    }
    return streams;
  }
}
