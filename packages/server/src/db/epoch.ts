import type { WriteTransaction } from "./transaction.ts";

/**
 * Gives the database another epoch (16 hexadecimal digits), so that cursors of before mean nothing any more: a restored
 * backup is behind what they say. A running server has read the epoch at its start and must not be there.
 */
export async function renewEpoch(tx: WriteTransaction, { epoch }: { epoch: string }) {
  await tx.db.updateTable("meta").set({ value: epoch }).where("key", "=", "epoch").execute();
}
