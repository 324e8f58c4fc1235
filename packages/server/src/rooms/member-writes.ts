import { Push, roomStream } from "@parley/protocol";
import type { Kysely } from "kysely";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { checkFriends } from "../ties/ties.ts";
import { countBroughtIn } from "./bringing-in-writes.ts";
import { addToRoom, checkRoomsLeft, namesOf, ROOM_MEMBERS_MAX } from "./joining.ts";
import { removeFromRoom } from "./leaving.ts";
import { findMemberships, memberKey } from "./member-lookups.ts";
import { logMutes } from "./mute-writes.ts";
import { checkGroup, checkIsMember, checkIsOwner, checkMayRemove, checkUnmanaged } from "./rights.ts";
import { logRoom } from "./room-writes.ts";
import { type Actor, findRoom, type Membership, type Role } from "./rooms.ts";
import { checkUntoldLeft, tellOf } from "./untold.ts";

interface MemberInput {
  readonly actor: Actor;
  readonly roomId: number;
  /** The member it is about. */
  readonly uid: number;
}

/** Any member brings in others; people who are already in are skipped. Returns the uids of those who joined. */
export async function addMembers(
  tx: WriteTransaction,
  input: {
    actor: Actor;
    roomId: number;
    memberIds: readonly number[];
    friendsOnly?: boolean;
    /** See `BroughtIn`. */
    strangers?: readonly number[] | undefined;
  },
) {
  const { roomId } = input;
  const found = await findRoom(tx.db, roomId, input.actor);
  checkIsMember(found);
  const { room } = found;
  checkGroup(room);
  checkUnmanaged(room);
  const asked = [...new Set(input.memberIds)];
  await namesOf(tx, asked);
  const by = input.actor.uid;
  const present = await presentAmong(tx.db, roomId, asked);
  const added = asked.filter((uid) => !present.has(uid));
  if (added.length === 0) {
    if (room.untold > 0) await tellOf(tx, [{ roomId, by }]);
    return { added, memberCount: room.member_count };
  }
  if (input.friendsOnly) await checkFriends(tx.db, by, added);
  const memberCount = room.member_count + added.length;
  if (memberCount > ROOM_MEMBERS_MAX) {
    throw new ProblemError("room_full", `A room has at most ${ROOM_MEMBERS_MAX} members`);
  }
  await checkRoomsLeft(tx, added);
  await checkUntoldLeft(tx, added, by);
  await countBroughtIn(tx, { by, uids: added, strangers: input.strangers, into: "group" });
  if (room.untold > 0) await tellOf(tx, [{ roomId, by }]);
  await addToRoom(tx, room, { uids: added, by });
  await countMembers(tx, roomId, memberCount);
  return { added, memberCount };
}

/** Leaving, or being removed: both end the window of reading with this event. */
export async function removeMember(tx: WriteTransaction, { actor, roomId, uid }: MemberInput) {
  const found = await findRoom(tx.db, roomId, actor);
  checkIsMember(found);
  checkGroup(found.room);
  if (uid !== actor.uid) checkUnmanaged(found.room);
  const role = (await presentAmong(tx.db, roomId, [uid])).get(uid);
  if (role === undefined) throw new ProblemError("not_found", "This user is not in the room");
  checkMayRemove({ uid: actor.uid, role: found.membership.role }, { uid, role });
  await removeFromRoom(tx, found.room, [uid]);
  await countMembers(tx, roomId, found.room.member_count - 1);
}

/** Transfers the ownership of a group; the old owner becomes an ordinary member. The new owner's mute ends, because nobody else could end it. */
export async function changeOwner(tx: WriteTransaction, { actor, roomId, uid }: MemberInput) {
  await ownerChecked(tx, { actor, roomId });
  const { mutedUntil } = await checkIsPresent(tx, roomId, uid);
  // The membership of a deleted account stays.
  await namesOf(tx, [uid]);
  if (uid === actor.uid) return;
  sent(tx, tx.db.updateTable("rooms").set({ owner_uid: uid }).where("id", "=", roomId).execute());
  await logRoom(tx, { roomId, ownerId: uid });
  await setRole(tx, { roomId, uid: actor.uid, role: 3 });
  await setRole(tx, { roomId, uid, role: 1 });
  if (mutedUntil === null) return;
  sent(
    tx,
    tx.db
      .updateTable("members")
      .set({ muted_until: null })
      .where("room_id", "=", roomId)
      .where("uid", "=", uid)
      .execute(),
  );
  await logMutes(tx, roomId, [{ uid, mutedUntil: null }]);
}

/** The owner makes a member an admin, or an ordinary one again. */
export async function changeRole(tx: WriteTransaction, { actor, roomId, uid, role }: MemberInput & { role: 2 | 3 }) {
  await ownerChecked(tx, { actor, roomId });
  const { role: before } = await checkIsPresent(tx, roomId, uid);
  if (before === 1) throw new ProblemError("forbidden", "Transfer the ownership instead");
  // An admin whose account is gone becomes an ordinary member all the same.
  if (role === 2) await namesOf(tx, [uid]);
  if (before !== role) await setRole(tx, { roomId, uid, role });
}

async function ownerChecked(tx: WriteTransaction, { actor, roomId }: Pick<MemberInput, "actor" | "roomId">) {
  const found = await findRoom(tx.db, roomId, actor);
  checkIsMember(found);
  checkIsOwner(found);
}

async function checkIsPresent(tx: WriteTransaction, roomId: number, uid: number): Promise<Membership> {
  const membership = (await findMemberships(tx.db, [{ roomId, uid }])).get(memberKey(roomId, uid));
  if (membership?.leftSeq !== null) throw new ProblemError("unknown_user", "This user is not in the room");
  return membership;
}

async function setRole(tx: WriteTransaction, change: { roomId: number; uid: number; role: Role }) {
  const { roomId, uid, role } = change;
  sent(tx, tx.db.updateTable("members").set({ role }).where("room_id", "=", roomId).where("uid", "=", uid).execute());
  const text = JSON.stringify({ roomId, uid, role });
  await append(tx, [{ stream: roomStream(roomId), type: Push.MEMBER_UPDATE, data: () => text }]);
}

export async function countMembers(tx: WriteTransaction, roomId: number, count: number): Promise<void> {
  sent(tx, tx.db.updateTable("rooms").set({ member_count: count }).where("id", "=", roomId).execute());
}

/** Roles of those who are members now. */
export async function presentAmong(
  db: Kysely<Schema>,
  roomId: number,
  uids: readonly number[],
): Promise<Map<number, Role>> {
  const rows = await db
    .selectFrom("members")
    .select(["uid", "role"])
    .where("room_id", "=", roomId)
    .where("uid", "in", numberList(uids))
    .where("left_seq", "is", null)
    .execute();
  return new Map(rows.map(({ uid, role }) => [uid, role]));
}
