import { defineWrite } from "../db/transaction.ts";

/**
 * Gives the database another epoch (16 hexadecimal digits), so that cursors of before mean nothing any more: a restored
 * backup is behind what they say. A running server has read the epoch at its start and must not be there.
 */
export const renewEpoch = defineWrite("event-log.renew-epoch", async (tx, { epoch }: { epoch: string }) => {
  await tx.db.updateTable("meta").set({ value: epoch }).where("key", "=", "epoch").execute();
});
