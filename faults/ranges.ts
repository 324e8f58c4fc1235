/** Both ends included. */
export type Run = readonly [from: number, to: number];

/**
 * Which seqs of one stream are there, as rising runs that do not touch. What comes in order costs no memory, however much
 * it is.
 */
export class Ranges {
  readonly #runs: [from: number, to: number][] = [];

  constructor(runs: readonly Run[] = []) {
    for (const [from, to] of runs) this.addRun(from, to);
  }

  get runs(): readonly Run[] {
    return this.#runs;
  }

  get size(): number {
    return this.#runs.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  }

  has(seq: number): boolean {
    // It is nearly always about the newest ones.
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const [from, to] = this.#runs[i] as Run;
      if (seq > to) return false;
      if (seq >= from) return true;
    }
    return false;
  }

  /** `first`, `next`: one more than the highest; `jump`: more than that; `late`: a lower one that was missing; `repeat`: it is already there. */
  add(seq: number): "first" | "next" | "jump" | "late" | "repeat" {
    const newest = this.#runs.at(-1);
    if (newest && seq === newest[1] + 1) {
      newest[1] = seq;
      return "next";
    }
    if (!newest || seq > newest[1]) {
      this.#runs.push([seq, seq]);
      return newest ? "jump" : "first";
    }
    if (this.has(seq)) return "repeat";
    this.addRun(seq, seq);
    return "late";
  }

  addRun(from: number, to: number): void {
    if (from > to) return;
    let at = this.#runs.findIndex(([, end]) => end >= from - 1);
    if (at < 0) at = this.#runs.length;
    let [low, high] = [from, to];
    let taken = 0;
    for (; at + taken < this.#runs.length; taken++) {
      const [start, end] = this.#runs[at + taken] as Run;
      if (start > to + 1) break;
      low = Math.min(low, start);
      high = Math.max(high, end);
    }
    this.#runs.splice(at, taken, [low, high]);
  }

  /** The seqs that are here but not there. */
  without(other: Ranges): Run[] {
    const left: Run[] = [];
    for (const [from, to] of this.#runs) {
      let at = from;
      for (const [start, end] of other.runs) {
        if (end < at) continue;
        if (start > to) break;
        if (start > at) left.push([at, start - 1]);
        at = end + 1;
      }
      if (at <= to) left.push([at, to]);
    }
    return left;
  }
}

export function sizeOf(runs: readonly Run[]): number {
  return runs.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}
