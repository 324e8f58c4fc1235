import { every, type Stop } from "../lib/interval.ts";
import { LOCAL_RATES } from "./limits.ts";
import type { RateRow } from "./row.ts";

/** How late another node learns of what was counted. */
const TELL_MS = 100;
/** Fewer than this of a key of these wait for more, for at most ten tellings, because in a flood from everywhere most addresses have very few. */
const SPARING: ReadonlySet<string> = new Set(
  Object.entries<RateRow>(LOCAL_RATES).flatMap(([id, { told }]) => (told === "many" ? [id] : [])),
);
const FEW = 5;
const TELLINGS_OF_FEW = 10;
/** Keys of a rate that wait; of more, the rest is counted by its own node only. */
const KEYS_MAX = 10_000;
/** So many counts are a message, which is well below what the bus takes at once. */
const TOLD_AT_ONCE = 5000;

/** Rate, key, and how many were counted. */
export type RateCount = readonly [rate: string, key: string | number, amount: number];

/**
 * What nodes tell each other, several times a second, of the rates that each of them counts by itself. An address, or a person, that spreads its
 * requests over all nodes gets no more from them than from one, except for that moment.
 */
export class RateTellings {
  readonly #listeners = new Map<string, (key: string | number, amount: number) => void>();
  /** Of each rate: key -> what was counted since it was told. */
  readonly #counted = new Map<string, Map<string | number, number>>();
  #takes = 0;

  /** Sets who is told of what the other nodes have counted of a rate. */
  listen(rate: string, listener: (key: string | number, amount: number) => void): void {
    this.#listeners.set(rate, listener);
  }

  /** Something was counted here. */
  note(rate: string, key: string | number, amount: number): void {
    const keys = this.#counted.get(rate) ?? new Map<string | number, number>();
    this.#counted.set(rate, keys);
    const before = keys.get(key);
    if (before === undefined && keys.size >= KEYS_MAX) return;
    keys.set(key, (before ?? 0) + amount);
  }

  /** Another node has counted these. They come from the network: what has another shape is skipped. */
  hear(counts: readonly unknown[]): void {
    for (const count of counts) {
      if (isCount(count)) this.#listeners.get(count[0])?.(count[1], count[2]);
    }
  }

  /** @param tell sends to the other nodes */
  start(tell: (counts: readonly RateCount[]) => void): Stop {
    return every(TELL_MS, () => {
      const counts = this.take();
      for (let first = 0; first < counts.length; first += TOLD_AT_ONCE) tell(counts.slice(first, first + TOLD_AT_ONCE));
    });
  }

  /** What is to be told now; what was taken back meanwhile is not. */
  take(): RateCount[] {
    this.#takes += 1;
    const isOfFew = this.#takes % TELLINGS_OF_FEW === 0;
    const told: RateCount[] = [];
    for (const [rate, keys] of this.#counted) {
      const from = SPARING.has(rate) && !isOfFew ? FEW : 1;
      for (const [key, amount] of keys) {
        if (amount !== 0 && Math.abs(amount) < from) continue;
        if (amount !== 0) told.push([rate, key, amount]);
        keys.delete(key);
      }
    }
    return told;
  }
}

function isCount(count: unknown): count is RateCount {
  if (!Array.isArray(count)) return false;
  const [rate, key, amount] = count;
  return typeof rate === "string" && ["string", "number"].includes(typeof key) && Number.isSafeInteger(amount);
}
