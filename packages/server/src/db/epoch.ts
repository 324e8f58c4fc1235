import { randomHex } from "../lib/ids.ts";
import { type DatabasePlace, openWrites, type ReadDatabase } from "./open.ts";
import type { ProcedureTable } from "./procedures.ts";
import type { WriteTransaction } from "./transaction.ts";

/** The database's epoch: a move keeps it, a restore renews it. */
export async function epochOf(db: ReadDatabase): Promise<string> {
  const row = await db.selectFrom("meta").select("value").where("key", "=", "epoch").executeTakeFirstOrThrow();
  return row.value;
}

/**
 * Gives the database a new epoch (16 hexadecimal digits), so that older cursors mean nothing any more: a restored backup is
 * behind what they say. No server may run meanwhile, since it has read the epoch at its start.
 */
export async function renewEpoch(tx: WriteTransaction, { epoch }: { epoch: string }) {
  await tx.db.updateTable("meta").set({ value: epoch }).where("key", "=", "epoch").execute();
}

/** The same for a database that no server uses. */
export async function giveNewEpoch(place: DatabasePlace, table: ProcedureTable): Promise<void> {
  const writes = openWrites(place, { table });
  try {
    await writes.run(renewEpoch, { epoch: randomHex(64) });
  } finally {
    await writes.close();
  }
}
