import { floorCursor } from "@parley/protocol";
import type { Transaction } from "kysely";
import type { ReadDatabase } from "../db/open.ts";
import type { Schema } from "../db/schema.ts";
import { readPosition } from "./log-reader.ts";

/**
 * Reads state and the log's position in one read transaction, so that a reader with the state skips exactly the events that it contains.
 * State replies carry `asOf`, a cursor: the state contains every event up to it and none after.
 */
export function readSnapshot<T>(
  at: { db: ReadDatabase; epoch: string },
  read: (view: { db: Transaction<Schema>; asOf: string }) => Promise<T>,
): Promise<T> {
  return at.db.transaction().execute(async (trx) => {
    const asOf = floorCursor(at.epoch, await readPosition(trx));
    return read({ db: trx, asOf });
  });
}
