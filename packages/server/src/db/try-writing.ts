import { takePositions } from "./dialect.ts";
import type { WriteTransaction } from "./transaction.ts";

/** Writes one page that says what it said before: succeeds where the database can be written. */
export async function tryWriting(tx: WriteTransaction): Promise<void> {
  await takePositions(tx.db, { count: 0, now: tx.now });
}
