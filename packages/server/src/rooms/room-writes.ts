import { LIMITS, Push, type PushData, roomStream } from "@parley/protocol";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { checkFriends } from "../ties/ties.ts";
import { countBroughtIn } from "./bringing-in-writes.ts";
import { addToRoom, checkRoomsLeft, namesOf, ROOM_MEMBERS_MAX } from "./joining.ts";
import { checkIsMember, checkIsOwner, checkMayChange } from "./rights.ts";
import { type Actor, directKeyOf, findDirect, findRoom, type RoomRow } from "./rooms.ts";
import { checkUntoldLeft, tellOf } from "./untold.ts";

/** Changes of rooms themselves; those of their members are in `member-writes.ts`. */

export interface NewRoom {
  readonly name: string | null;
  readonly memberIds: readonly number[];
  readonly history: "all" | "joined";
}

interface CreateRoom extends NewRoom {
  readonly uid: number;
  readonly friendsOnly?: boolean;
  /** See `BroughtIn`. */
  readonly strangers?: readonly number[] | undefined;
}

/** A group with its creator as the owner. Without a name it is named after its first members. */
export async function createRoom(tx: WriteTransaction, input: CreateRoom) {
  const { uid, history, friendsOnly, strangers } = input;
  const uids = [...new Set([uid, ...input.memberIds])];
  if (uids.length > ROOM_MEMBERS_MAX) throw new ProblemError("room_full");
  const names = await namesOf(tx, uids);
  if (friendsOnly) await checkFriends(tx.db, uid, uids);
  await checkRoomsLeft(tx, uids);
  await checkUntoldLeft(tx, uids, uid);
  await countBroughtIn(tx, { by: uid, uids, strangers, into: "group" });
  const { id } = await tx.db
    .insertInto("rooms")
    .values({
      type: 1,
      name: input.name ?? nameAfter(uids.map((member) => names.get(member) ?? "")),
      avatar: "",
      notice: "",
      owner_uid: uid,
      mute_all: 0,
      history,
      no: 0,
      member_count: uids.length,
      created_at: tx.now,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  await addToRoom(tx, { id, history, no: 0 }, { uids, owner: uid, by: uid });
  return { roomId: id };
}

/** As many whole names as fit. */
function nameAfter(names: readonly string[]): string {
  let name = "";
  for (const next of names) {
    const longer = name === "" ? next : `${name}, ${next}`;
    if ([...longer].length > LIMITS.roomNameCodePoints) break;
    name = longer;
  }
  return name;
}

export interface OpenDirect {
  readonly uid: number;
  readonly otherUid: number;
  readonly opener?: number;
  readonly friendsOnly?: boolean;
  /** See `BroughtIn`. */
  readonly strangers?: readonly number[] | undefined;
}

/**
 * The room of two people, made by whoever asks first, and always the same for both.
 * @param opener the person who does it: if the other one has blocked them, that one does not know of the room (`untold.ts`). Undefined: both do
 */
export async function openDirect(tx: WriteTransaction, { uid, otherUid, opener, ...input }: OpenDirect) {
  const { friendsOnly = false, strangers } = input;
  if (uid === otherUid) throw new ProblemError("own_account", "A direct room is for two people");
  const found = await findDirect(tx.db, uid, otherUid);
  if (found !== undefined) {
    await tellOf(tx, [{ roomId: found, by: opener }]);
    return { roomId: found, created: false };
  }
  await namesOf(tx, [otherUid]);
  if (friendsOnly) await checkFriends(tx.db, uid, [otherUid]);
  await checkRoomsLeft(tx, [uid, otherUid]);
  if (opener !== undefined) {
    await checkUntoldLeft(tx, [uid, otherUid], opener);
    await countBroughtIn(tx, { by: opener, uids: [uid, otherUid], strangers, into: "direct" });
  }
  const { id } = await tx.db
    .insertInto("rooms")
    .values({
      type: 2,
      name: "",
      avatar: "",
      notice: "",
      owner_uid: null,
      mute_all: 0,
      history: "all",
      no: 0,
      member_count: 2,
      direct_key: directKeyOf(uid, otherUid),
      created_at: tx.now,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  await addToRoom(tx, { id, history: "all", no: 0 }, { uids: [uid, otherUid], by: opener });
  return { roomId: id, created: true };
}

export interface RoomChanges {
  readonly name?: string;
  readonly avatar?: string;
  readonly notice?: string;
  readonly muteAll?: boolean;
  readonly history?: "all" | "joined";
}

export async function changeRoom(tx: WriteTransaction, input: { actor: Actor; roomId: number; changes: RoomChanges }) {
  const found = await findRoom(tx.db, input.roomId, input.actor);
  checkIsMember(found);
  checkMayChange(found);
  await applyChanges(tx, found.room, input.changes);
}

/** Writes and logs only what changes; if nothing does, nothing is logged. */
export async function applyChanges(
  tx: WriteTransaction,
  room: RoomRow,
  { name, avatar, notice, muteAll, history }: RoomChanges,
): Promise<void> {
  const changed = {
    ...(name !== undefined && name !== room.name && { name }),
    ...(avatar !== undefined && avatar !== room.avatar && { avatar }),
    ...(notice !== undefined && notice !== room.notice && { notice }),
    ...(muteAll !== undefined && muteAll !== (room.mute_all === 1) && { muteAll }),
    ...(history !== undefined && history !== room.history && { history }),
  };
  if (Object.keys(changed).length === 0) return;
  const { muteAll: muted, ...columns } = changed;
  sent(
    tx,
    tx.db
      .updateTable("rooms")
      .set({ ...columns, ...(muted !== undefined && { mute_all: muted ? 1 : 0 }) })
      .where("id", "=", room.id)
      .execute(),
  );
  await logRoom(tx, { roomId: room.id, ...changed });
}

/** Ends a group. Its members keep what they could read; nobody writes there again. */
export async function dissolveRoom(tx: WriteTransaction, { actor, roomId }: { actor: Actor; roomId: number }) {
  const found = await findRoom(tx.db, roomId, actor);
  checkIsMember(found);
  checkIsOwner(found);
  await endRoom(tx, roomId);
}

/** The room's external id, if it has one, is free for another. */
export async function endRoom(tx: WriteTransaction, roomId: number): Promise<void> {
  const seq = await logRoom(tx, { roomId, dissolved: true, dissolvedAt: tx.now });
  const ended = { dissolved_at: tx.now, dissolved_seq: seq, external_id: null };
  sent(tx, tx.db.updateTable("rooms").set(ended).where("id", "=", roomId).execute());
}

/** Logs a ROOM event and returns its seq. */
export async function logRoom(tx: WriteTransaction, data: PushData[106]): Promise<number> {
  const text = JSON.stringify(data);
  const draft = { stream: roomStream(data.roomId), type: Push.ROOM, data: () => text };
  const [event] = await append(tx, [draft]);
  if (!event) throw new Error("the log took no event");
  return event.seq;
}
