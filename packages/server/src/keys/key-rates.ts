import type { ServerKey } from "../http/server-key.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { LocalRate } from "../limits/local-rate.ts";

const ROW = LOCAL_RATES.keyRequests;
const BURST = ROW.burst / ROW.count;

/** Requests of server keys: of each its own number a second, or that of the table. */
export class KeyRates {
  readonly #enabled: boolean;
  /** By how many they let through in a second: keys with the same number share the row, and each has its own count. */
  readonly #byCount = new Map<number, LocalRate>();

  constructor({ enabled }: { enabled: boolean }) {
    this.#enabled = enabled;
  }

  /** @throws ProblemError `rate_limited` */
  takeRequest({ id, rate }: Pick<ServerKey, "id" | "rate">): void {
    this.#of(rate ?? ROW.count).take(id);
  }

  #of(count: number): LocalRate {
    const found = this.#byCount.get(count);
    if (found) return found;
    const made = new LocalRate({ ...ROW, count, burst: BURST * count }, { enabled: this.#enabled });
    this.#byCount.set(count, made);
    return made;
  }
}
