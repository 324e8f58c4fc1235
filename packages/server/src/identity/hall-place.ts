import { HALL_ROOM_ID, roomStream } from "@parley/protocol";
import { sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import { insertRows } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";

/**
 * Gives new accounts their place in the hall: they have read everything that was said before they were made. Everybody is in the hall
 * without a membership, so only the place has to be written.
 */
export async function startInHall(tx: WriteTransaction, uids: readonly number[]): Promise<void> {
  if (uids.length === 0) return;
  const [hall] = await hallHead(tx.db, HALL_ROOM_ID);
  sent(
    tx,
    insertRows(tx.db, "room_reads", {
      columns: ["uid", "room_id", "read_seq", "read_no", "read_at"],
      values: uids.map((uid) => [uid, HALL_ROOM_ID, hall?.seq ?? 0, hall?.no ?? 0, tx.now]),
    }),
  );
}

const hallHead = prepared((db, roomId) =>
  db
    .selectFrom("rooms")
    .leftJoin("streams", (join) => join.on("streams.stream", "=", roomStream(HALL_ROOM_ID)))
    .select(["rooms.no", "streams.seq"])
    .where("rooms.id", "=", sql<number>`${roomId}`),
);
