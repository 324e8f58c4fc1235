import type { Progress } from "./progress.ts";

const NO_END = -1;

/**
 * How far a reader is in all their streams, in two lists: a quarter of the memory of a map. A reader that waits has nothing else to keep, and
 * there may be as many of those as connections.
 */
export class PackedStreams {
  readonly #names: readonly string[];
  /** Four of each stream, in the order of the names. */
  readonly #numbers: number[] = [];

  /** @param shared gives a name that others hold as well, so that not every reader holds texts of its own */
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
