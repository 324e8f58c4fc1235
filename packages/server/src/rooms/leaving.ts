import { ChangeType, Push, type PushData, roomStream, userStream } from "@parley/protocol";
import { boundRows, numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { leftViewOf } from "./left-view.ts";
import type { RoomRow } from "./rooms.ts";

/**
 * Ends memberships, one event for each: logs it in the room, writes the rows, logs it for each of them. All of them are members now. The
 * caller updates the number of members in the room's row.
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
  const untold = room.untold === 0 ? new Set<number>() : await untoldOf(tx, roomId, uids);
  const rows = boundRows(
    { uid: "number", seq: "number", pos: "number", view: "text" },
    left.map(({ uid, seq, pos, view }) => [uid, seq, pos, view]),
  );
  sent(
    tx,
    tx.db
      .updateTable("members")
      .from(rows.as("leaving"))
      .set((eb) => ({
        left_seq: eb.ref("leaving.seq"),
        left_pos: eb.ref("leaving.pos"),
        left_view: eb.ref("leaving.view"),
      }))
      .where("members.room_id", "=", roomId)
      .whereRef("members.uid", "=", "leaving.uid")
      .execute(),
  );
  await append(
    tx,
    left.flatMap(({ uid, seq }) => (untold.has(uid) ? [] : [draft(userStream(uid), { roomId, uid, changeType, seq })])),
  );
}

/** Those of the leaving people who never knew that they were members. They no longer count as such, and the room stays unknown to them. */
async function untoldOf(tx: WriteTransaction, roomId: number, uids: readonly number[]): Promise<Set<number>> {
  const rows = await tx.db
    .selectFrom("members")
    .select("uid")
    .where("room_id", "=", roomId)
    .where("uid", "in", numberList(uids))
    .where("untold", "=", 1)
    .execute();
  const gone = rows.length;
  if (gone > 0) {
    sent(
      tx,
      tx.db
        .updateTable("rooms")
        .set((eb) => ({ untold: eb("untold", "-", gone) }))
        .where("id", "=", roomId)
        .execute(),
    );
  }
  return new Set(rows.map(({ uid }) => uid));
}

function draft(stream: string, data: PushData[11]) {
  const text = JSON.stringify(data);
  return { stream, type: Push.MEMBER_CHANGE, data: () => text };
}
