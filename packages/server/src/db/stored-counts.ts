import type { STORED_RATES } from "../limits/stored-rates.ts";
import { STORED_WINDOW_MS } from "../limits/stored-rates.ts";
import { insertRows, textList } from "./rows.ts";
import { sent, type WriteTransaction } from "./transaction.ts";

/** Rows removed by one write; a large delete would delay the sends that wait behind it. */
const REMOVED_AT_ONCE = 100;

export type StoredRateName = keyof typeof STORED_RATES;

export interface StoredCount {
  readonly rate: StoredRateName;
  readonly key: string;
  /** 0: only that there is a count. */
  readonly amount: number;
}

/** What is counted of some keys, in the windows that have not ended. */
export interface StoredCounts {
  /** @returns undefined if there is no count at all */
  of(count: Pick<StoredCount, "rate" | "key">): number | undefined;
}

export async function storedCounts(tx: WriteTransaction, keys: readonly string[]): Promise<StoredCounts> {
  const rows = await tx.db
    .selectFrom("rate_counts")
    .select(["key", "rate", "counted"])
    .where("key", "in", textList(keys))
    .where("since", ">", tx.clockNow - STORED_WINDOW_MS)
    .execute();
  const counted = new Map(rows.map(({ key, rate, counted }) => [`${rate} ${key}`, counted]));
  return { of: ({ rate, key }) => counted.get(`${rate} ${key}`) };
}

const HAS_ENDED = `rate_counts.since <= excluded.since - ${STORED_WINDOW_MS}`;

/** Counts these, inside another write, each key once; the caller has seen that there is room. A window begins with its first count. */
export function storeCounts(tx: WriteTransaction, counts: readonly StoredCount[]): void {
  sent(
    tx,
    insertRows(tx.db, "rate_counts", {
      columns: ["key", "rate", "counted", "since"],
      values: counts.map(({ key, rate, amount }) => [key, rate, amount, tx.clockNow]),
      conflict: {
        key: ["key", "rate"],
        update: {
          counted: `case when ${HAS_ENDED} then excluded.counted else rate_counts.counted + excluded.counted end`,
          since: `case when ${HAS_ENDED} then excluded.since else rate_counts.since end`,
        },
      },
    }),
  );
}

/** Removes a bounded number of counts whose windows have ended. Returns whether there may be more. */
export async function removeOldCounts(tx: WriteTransaction): Promise<boolean> {
  const old = tx.db
    .selectFrom("rate_counts")
    .select(["key", "rate"])
    .where("since", "<=", tx.clockNow - STORED_WINDOW_MS)
    .limit(REMOVED_AT_ONCE);
  const removed = await tx.db
    .deleteFrom("rate_counts")
    .where((eb) => eb(eb.refTuple("key", "rate"), "in", old.$asTuple("key", "rate")))
    .returning("key")
    .execute();
  return removed.length === REMOVED_AT_ONCE;
}
