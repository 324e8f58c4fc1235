import { LRUCache } from "lru-cache";
import { ipLimitKey } from "../lib/ip-range.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { LocalRate } from "../limits/local-rate.ts";

/** Addresses whose left-out lines are counted; for others only the metrics count. */
const ADDRESSES_MAX = 1000;

/**
 * Which refusals get a line in the log. Those who are refused decide how often, so an address has a rate of lines; those beyond it are
 * counted, and the next line of that address says how many they were.
 */
export class RefusalLines {
  readonly #rate: Pick<LocalRate, "tryTake">;
  readonly #leftOut = new LRUCache<string, number>({ max: ADDRESSES_MAX });

  constructor(rate: Pick<LocalRate, "tryTake"> = new LocalRate(LOCAL_RATES.refusalLines, { enabled: true })) {
    this.#rate = rate;
  }

  /** Undefined: this one is left out; otherwise the number left out since the last line of its address. */
  admit(ip: string): number | undefined {
    const key = ipLimitKey(ip);
    const leftOut = this.#leftOut.get(key) ?? 0;
    if (!this.#rate.tryTake(key)) {
      this.#leftOut.set(key, leftOut + 1);
      return undefined;
    }
    this.#leftOut.delete(key);
    return leftOut;
  }
}
