import { insertRows } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";

/** How far somebody has read a room, from now on. */
export interface NewReadPlace {
  readonly uid: number;
  readonly roomId: number;
  readonly readSeq: number;
  /** How many messages at or before `readSeq` make a red dot. */
  readonly readNo: number;
}

/** Stores new places; the caller makes sure that a place only moves forward. */
export async function storeReadPlaces(tx: WriteTransaction, places: readonly NewReadPlace[]): Promise<void> {
  sent(
    tx,
    insertRows(tx.db, "room_reads", {
      columns: ["uid", "room_id", "read_seq", "read_no", "read_at"],
      values: places.map(({ uid, roomId, readSeq, readNo }) => [uid, roomId, readSeq, readNo, tx.now]),
      conflict: { key: ["uid", "room_id"], take: ["read_seq", "read_no", "read_at"] },
    }),
  );
}
