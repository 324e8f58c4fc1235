import { insertRows } from "../db/dialect.ts";
import type { WriteTransaction } from "../db/transaction.ts";

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
  await insertRows(tx.db, "room_reads", {
    columns: ["uid", "room_id", "read_seq", "read_no", "read_at"],
    values: places.map(({ uid, roomId, readSeq, readNo }) => [uid, roomId, readSeq, readNo, tx.now]),
    conflict: `on conflict (uid, room_id) do update set read_seq = excluded.read_seq, read_no = excluded.read_no,
      read_at = excluded.read_at`,
  });
}
