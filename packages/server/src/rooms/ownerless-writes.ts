import { Push, roomStream } from "@parley/protocol";
import { numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ownedRooms } from "../identity/owned-rooms.ts";

/** For somebody who owns very many: more at once would delay everybody else's writes. */
export const ROOMS_AT_ONCE = 100;

/**
 * Lets groups continue without their owner, who stays an ordinary member: for accounts that others end. The number is bounded; while there
 * are more, the account cannot end.
 */
export async function giveUpRooms(tx: WriteTransaction, { uid }: { uid: number; by: string }): Promise<void> {
  const ids = await ownedRooms(tx.db, { uid, atMost: ROOMS_AT_ONCE });
  if (ids.length === 0) return;
  sent(tx, tx.db.updateTable("rooms").set({ owner_uid: null }).where("id", "in", numberList(ids)).execute());
  sent(
    tx,
    tx.db
      .updateTable("members")
      .set({ role: 3 })
      .where("uid", "=", uid)
      .where("room_id", "in", numberList(ids))
      .execute(),
  );
  await append(
    tx,
    ids.flatMap((roomId) => [
      draft(roomId, Push.ROOM, { roomId, ownerId: null }),
      draft(roomId, Push.MEMBER_UPDATE, { roomId, uid, role: 3 }),
    ]),
  );
}

function draft(roomId: number, type: number, data: object) {
  const text = JSON.stringify(data);
  return { stream: roomStream(roomId), type, data: () => text };
}
