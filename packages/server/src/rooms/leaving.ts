import { ChangeType, Push, type PushData, roomStream, userStream } from "@parley/protocol";
import { boundRows } from "../db/dialect.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { leftViewOf } from "./left-view.ts";
import type { RoomRow } from "./rooms.ts";

/**
 * Ends memberships, one event for each: logs it in the room, writes the rows, logs it for each of them. All of them are members now.
 * The number of members in the room's row is the caller's.
 */
export async function removeFromRoom(tx: WriteTransaction, room: RoomRow, uids: readonly number[]): Promise<void> {
  const roomId = room.id;
  const changeType = ChangeType.left;
  const events = await append(
    tx,
    uids.map((uid) => draft(roomStream(roomId), { roomId, uid, changeType })),
  );
  const left = uids.map((uid, index) => {
    const { seq, pos } = events[index] as { seq: number; pos: number };
    const view = leftViewOf({ ...room, member_count: room.member_count - index });
    return { uid, seq, pos, view };
  });
  const rows = boundRows<{ uid: number; seq: number; pos: number; view: string }>(
    ["uid", "seq", "pos", "view"],
    left.map(({ uid, seq, pos, view }) => [uid, seq, pos, view]),
  );
  await tx.db
    .updateTable("members")
    .from(rows.as("leaving"))
    .set((eb) => ({
      left_seq: eb.ref("leaving.seq"),
      left_pos: eb.ref("leaving.pos"),
      left_view: eb.ref("leaving.view"),
    }))
    .where("members.room_id", "=", roomId)
    .whereRef("members.uid", "=", "leaving.uid")
    .execute();
  await append(
    tx,
    left.map(({ uid, seq }) => draft(userStream(uid), { roomId, uid, changeType, seq })),
  );
}

function draft(stream: string, data: PushData[11]) {
  const text = JSON.stringify(data);
  return { stream, type: Push.MEMBER_CHANGE, data: () => text };
}
