import type { WriteTransaction } from "./transaction.ts";

/** Writes one page: succeeds where the database can be written. The time is another one, since SQLite leaves a page alone that would not change. */
export async function tryWriting(tx: WriteTransaction): Promise<void> {
  await tx.db.updateTable("log").set({ at: tx.now }).execute();
}
