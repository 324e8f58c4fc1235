import { SERVER_LIMITS } from "@parley/protocol";
import type { ServerKey } from "../http/server-key.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { LocalRate } from "../limits/local-rate.ts";
import type { RateRow } from "../limits/row.ts";

type Key = Pick<ServerKey, "id" | "rate" | "recipientsRate" | "allRate">;

/** What server keys may do in a second: of each its own numbers, or those of the table. */
export class KeyRates {
  readonly #requests: OwnNumbers;
  readonly #recipients: OwnNumbers;
  readonly #toAll: OwnNumbers;

  /** @param parts.onFull see `createRates` */
  constructor({
    enabled,
    onFull = () => {},
  }: {
    enabled: boolean;
    onFull?: ((limit: string) => void) | undefined;
  }) {
    const of = (id: "keyRequests" | "keyRecipients" | "keyToAll", burstMin = 1) =>
      new OwnNumbers(LOCAL_RATES[id], { enabled, burstMin, onFull: () => onFull(id) });
    this.#requests = of("keyRequests");
    // As many as one request may name pass at once, however small the key's own number is.
    this.#recipients = of("keyRecipients", SERVER_LIMITS.recipients);
    this.#toAll = of("keyToAll");
  }

  /** @throws ProblemError `rate_limited` */
  takeRequest({ id, rate }: Pick<Key, "id" | "rate">): void {
    this.#requests.of(rate).take(id);
  }

  /** So many people or rooms are told something. @throws ProblemError `rate_limited` */
  takeRecipients({ id, recipientsRate }: Pick<Key, "id" | "recipientsRate">, count: number): void {
    this.#recipients.of(recipientsRate).take(id, count);
  }

  /** They were not told it after all. */
  giveRecipientsBack({ id, recipientsRate }: Pick<Key, "id" | "recipientsRate">, count: number): void {
    this.#recipients.of(recipientsRate).giveBack(id, count);
  }

  /** Everybody is told something. @throws ProblemError `rate_limited` */
  takeToAll({ id, allRate }: Pick<Key, "id" | "allRate">): void {
    this.#toAll.of(allRate).take(id);
  }

  /** Nobody was told it after all. */
  giveToAllBack({ id, allRate }: Pick<Key, "id" | "allRate">): void {
    this.#toAll.of(allRate).giveBack(id);
  }
}

type Row = RateRow & { readonly burst: number };

/** One row of the table, for keys that have the table's number and for those that have one of their own, with a burst in the same proportion. */
class OwnNumbers {
  readonly #row: Row;
  readonly #options: { readonly enabled: boolean; readonly onFull: () => void };
  readonly #burstMin: number;
  /** By how many they let through in a second: keys with the same number share the row, and each has its own count. */
  readonly #byCount = new Map<number, LocalRate>();

  constructor(row: Row, { burstMin, ...options }: { enabled: boolean; burstMin: number; onFull: () => void }) {
    this.#row = row;
    this.#options = options;
    this.#burstMin = burstMin;
  }

  /** @param own null: the table's */
  of(own: number | null): LocalRate {
    const count = own ?? this.#row.count;
    const found = this.#byCount.get(count);
    if (found) return found;
    const burst = Math.max(this.#burstMin, (this.#row.burst / this.#row.count) * count);
    const made = new LocalRate({ ...this.#row, count, burst }, this.#options);
    this.#byCount.set(count, made);
    return made;
  }
}
