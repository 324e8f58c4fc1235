import { ChangeType, Push, type PushData, roomStream, userStream } from "@parley/protocol";
import { boundRows, numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { streamStates } from "../event-log/log-reader.ts";
import { Internal, internalEvent } from "../identity/internal-events.ts";
import { CAPS } from "../limits/caps.ts";
import { blocksAmong } from "../ties/ties.ts";
import { tooManyRooms } from "./bringing-in.ts";

/**
 * Memberships that their people do not know of. Somebody whom a person has blocked may bring them into a room: for everybody there they are
 * a member, and for themselves the room does not exist. They are told as soon as somebody whom they have not blocked writes there or brings
 * them in, so that nothing that others say is lost: their window begins there, and over HTTP they read earlier messages like any newcomer.
 */

/** Those of the people brought in who have blocked the person who does it. */
export async function untoldAmong(
  tx: WriteTransaction,
  uids: readonly number[],
  by: number | undefined,
): Promise<ReadonlySet<number>> {
  if (by === undefined) return new Set();
  const blocks = await blocksAmong(
    tx.db,
    uids.map((uid) => [uid, by]),
  );
  return new Set(uids.filter((uid) => blocks.has(uid, by)));
}

/**
 * Checks that those who would be brought in without their knowledge may be in one more such room. @throws ProblemError `too_many_rooms`,
 * naming those who may not, as if they were in too many known rooms
 */
export async function checkUntoldLeft(tx: WriteTransaction, uids: readonly number[], by: number): Promise<void> {
  const untold = await untoldAmong(tx, uids, by);
  if (untold.size === 0) return;
  const full = await tx.db
    .selectFrom("members")
    .select("uid")
    .where("uid", "in", numberList([...untold]))
    .where("untold", "=", 1)
    .where("left_seq", "is", null)
    .groupBy("uid")
    .having((eb) => eb(eb.fn.countAll<number>(), ">=", CAPS.untoldRooms.count))
    .execute();
  if (full.length > 0) throw tooManyRooms(full.map(({ uid }) => uid));
}

/** Tells the nodes whom the next joining of a room brings in without their knowledge. */
export async function logUntold(tx: WriteTransaction, roomId: number, uids: readonly number[]): Promise<void> {
  if (uids.length === 0) return;
  await append(tx, [internalEvent(Internal.JOINS_UNTOLD, { roomId, uids: [...uids] })]);
  sent(
    tx,
    tx.db
      .updateTable("rooms")
      .set((eb) => ({ untold: eb("untold", "+", uids.length) }))
      .where("id", "=", roomId)
      .execute(),
  );
}

/** Something that somebody does in a room and its members learn of. */
export interface Act {
  readonly roomId: number;
  /** Undefined: somebody whom nobody can block, such as the product. */
  readonly by: number | undefined;
}

/** Tells those members who do not know that they are in, unless they have blocked everybody who acts. At most one query if there are none. */
export async function tellOf(tx: WriteTransaction, acts: readonly Act[]): Promise<void> {
  const rooms = [...new Set(acts.map(({ roomId }) => roomId))];
  const untold = await tx.db
    .selectFrom("members")
    .select(["room_id as roomId", "uid"])
    .where("room_id", "in", numberList(rooms))
    .where("untold", "=", 1)
    .where("left_seq", "is", null)
    .execute();
  if (untold.length === 0) return;
  const pairs = untold.flatMap(({ roomId, uid }) =>
    acts.flatMap((act) => (act.roomId === roomId && act.by !== undefined ? [[uid, act.by] as const] : [])),
  );
  const blocks = await blocksAmong(tx.db, pairs);
  const learns = ({ roomId, uid }: { roomId: number; uid: number }) =>
    acts.some((act) => act.roomId === roomId && (act.by === undefined || !blocks.has(uid, act.by)));
  await tell(tx, untold.filter(learns));
}

/** Tells people about rooms that they are in without their knowledge. */
async function tell(tx: WriteTransaction, memberships: readonly { roomId: number; uid: number }[]): Promise<void> {
  if (memberships.length === 0) return;
  const byRoom = Map.groupBy(memberships, ({ roomId }) => roomId);
  const heads = await streamStates(
    tx.db,
    [...byRoom.keys()].map((roomId) => roomStream(roomId)),
  );
  // The window begins with the first event behind this.
  const seqOf = (roomId: number) => (heads.get(roomStream(roomId))?.head.seq ?? 0) + 1;
  const copies = await append(
    tx,
    memberships.map(({ roomId, uid }) => {
      const data: PushData[11] = { roomId, uid, changeType: ChangeType.joined, seq: seqOf(roomId), joinedAt: tx.now };
      return { stream: userStream(uid), type: Push.MEMBER_CHANGE, data: () => JSON.stringify(data) };
    }),
  );
  const rows = boundRows(
    { room_id: "number", uid: "number", seq: "number", pos: "number" },
    memberships.map(({ roomId, uid }, index) => [roomId, uid, seqOf(roomId), (copies[index] as { pos: number }).pos]),
  );
  sent(
    tx,
    tx.db
      .updateTable("members")
      .from(rows.as("told"))
      .set((eb) => ({ untold: 0, joined_seq: eb.ref("told.seq"), joined_pos: eb.ref("told.pos") }))
      .whereRef("members.room_id", "=", "told.room_id")
      .whereRef("members.uid", "=", "told.uid")
      .execute(),
  );
  for (const [roomId, members] of byRoom) {
    sent(
      tx,
      tx.db
        .updateTable("rooms")
        .set((eb) => ({ untold: eb("untold", "-", members.length) }))
        .where("id", "=", roomId)
        .execute(),
    );
  }
  await append(
    tx,
    [...byRoom].map(([roomId, members]) =>
      internalEvent(Internal.JOINS_TOLD, { roomId, uids: members.map(({ uid }) => uid) }),
    ),
  );
}
