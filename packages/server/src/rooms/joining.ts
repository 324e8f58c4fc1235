import { ChangeType, Push, type PushData, roomStream, SYSTEM_UID, userStream } from "@parley/protocol";
import { insertRows, numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { tooManyRooms } from "./bringing-in.ts";
import { logMutes } from "./mute-writes.ts";
import { storeReadPlaces } from "./read-places.ts";
import type { Role, RoomRow } from "./rooms.ts";
import { logUntold, untoldAmong } from "./untold.ts";

export const ROOM_MEMBERS_MAX = CAPS.roomMembers.count;

/**
 * Makes people members: logs it in the room, writes the rows, logs it for each of them. Earlier messages count as read. Coming back begins
 * a new window; the row keeps the place of the previous leaving. The caller updates the number of members in the room's row. A mute that
 * has not ended survives leaving and coming back, and the room is told. @param who.by the person who does it; people who have blocked them
 * are brought in without their knowledge (`untold.ts`). Undefined: nobody is
 */
export async function addToRoom(
  tx: WriteTransaction,
  room: Pick<RoomRow, "id" | "history" | "no">,
  who: { uids: readonly number[]; owner?: number; by?: number | undefined },
): Promise<void> {
  const { uids, owner, by } = who;
  const { now } = tx;
  const untold = await untoldAmong(tx, uids, by);
  await logUntold(tx, room.id, [...untold]);
  const { seq, pos } = await logJoined(tx, { roomId: room.id, uids });
  const fromSeq = room.history === "all" ? 1 : seq;
  const roleOf = (uid: number): Role => (uid === owner ? 1 : 3);
  sent(
    tx,
    insertRows(tx.db, "members", {
      columns: ["room_id", "uid", "role", "from_seq", "joined_seq", "joined_pos", "joined_at", "untold"],
      values: uids.map((uid) => [room.id, uid, roleOf(uid), fromSeq, seq, pos, now, untold.has(uid) ? 1 : 0]),
      conflict: {
        key: ["room_id", "uid"],
        take: ["role", "from_seq", "joined_seq", "joined_pos", "joined_at", "untold"],
        update: {
          ...{ before_seq: "members.left_seq", before_pos: "members.left_pos" },
          ...{ left_seq: "null", left_pos: "null", left_view: "null" },
          muted_until: "case when members.muted_until > excluded.joined_at then members.muted_until end",
        },
      },
    }),
  );
  await logMutes(tx, room.id, await mutedAmong(tx, room.id, uids));
  const places = uids.map((uid) => ({ uid, roomId: room.id, readSeq: seq, readNo: room.no }));
  await storeReadPlaces(tx, places);
  await logCopies(tx, { roomId: room.id, uids: uids.filter((uid) => !untold.has(uid)), seq });
}

async function mutedAmong(tx: WriteTransaction, roomId: number, uids: readonly number[]) {
  const rows = await tx.db
    .selectFrom("members")
    .select(["uid", "muted_until as mutedUntil"])
    .where("room_id", "=", roomId)
    .where("uid", "in", numberList(uids))
    .where("muted_until", "is not", null)
    .execute();
  return rows;
}

/**
 * Checks that each of these people may be in one more room. Rooms are counted with an index alone; dissolved ones, which do not count, are
 * looked up only for people with very many. @throws ProblemError `too_many_rooms`, naming those who may not
 */
export async function checkRoomsLeft(tx: WriteTransaction, uids: readonly number[]): Promise<void> {
  const most = CAPS.roomsPerPerson.count;
  const memberships = tx.db
    .selectFrom("members")
    .select("members.uid")
    .where("members.left_seq", "is", null)
    .where("members.untold", "=", 0)
    .groupBy("members.uid")
    .having((eb) => eb(eb.fn.countAll<number>(), ">=", most));
  const many = await memberships.where("members.uid", "in", numberList(uids)).execute();
  if (many.length === 0) return;
  const full = await memberships
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .where("members.uid", "in", numberList(many.map(({ uid }) => uid)))
    .where("rooms.dissolved_at", "is", null)
    .execute();
  if (full.length > 0) throw tooManyRooms(full.map(({ uid }) => uid));
}

interface Joined {
  readonly roomId: number;
  readonly uids: readonly number[];
}

/** Logs who joined in the room's stream and returns where. */
async function logJoined(tx: WriteTransaction, { roomId, uids }: Joined) {
  const data: PushData[11] = {
    roomId,
    uid: uids[0] as number,
    ...(uids.length > 1 ? { uids: [...uids] } : {}),
    changeType: ChangeType.joined,
    joinedAt: tx.now,
  };
  const text = JSON.stringify(data);
  const [event] = await append(tx, [{ stream: roomStream(roomId), type: Push.MEMBER_CHANGE, data: () => text }]);
  if (!event) throw new Error("the log took no event");
  return { seq: event.seq, pos: event.pos };
}

/** Logs the same for each person, with the seq of the room's event. */
async function logCopies(tx: WriteTransaction, { roomId, uids, seq }: Joined & { seq: number }) {
  const copies = uids.map((uid) => {
    const data: PushData[11] = { roomId, uid, changeType: ChangeType.joined, seq, joinedAt: tx.now };
    return { stream: userStream(uid), type: Push.MEMBER_CHANGE, data: () => JSON.stringify(data) };
  });
  await append(tx, copies);
}

/** Names of existing people, by uid. @throws ProblemError `unknown_user`, naming those that do not exist */
export async function namesOf(tx: WriteTransaction, uids: readonly number[]): Promise<Map<number, string>> {
  const rows = await tx.db
    .selectFrom("users")
    .select(["uid", "name"])
    .where("uid", "in", numberList(uids))
    .where("deleted_at", "is", null)
    .where("uid", "!=", SYSTEM_UID)
    .execute();
  const names = new Map(rows.map(({ uid, name }) => [uid, name]));
  checkKnown(uids.filter((uid) => !names.has(uid)));
  return names;
}

/** @param unknown uids of nobody */
export function checkKnown(unknown: readonly number[]): void {
  if (unknown.length === 0) return;
  const shown = unknown.slice(0, 10).join(", ");
  throw new ProblemError("unknown_user", `No such user: ${shown}${unknown.length > 10 ? ", …" : ""}`, {
    extra: { userIds: [...unknown] },
  });
}
