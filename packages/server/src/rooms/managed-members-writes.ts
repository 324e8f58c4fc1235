import type { Ref } from "@parley/protocol";
import type { WriteTransaction } from "../db/transaction.ts";
import { ERRORS_NAMED } from "../http/errors.ts";
import { peopleByRef } from "../identity/external-people.ts";
import { noSuch } from "../identity/no-such.ts";
import { unknownIn, unknownRefs } from "../identity/unknown-refs.ts";
import { ProblemError } from "../lib/problem.ts";
import { roomsByRef } from "./external-rooms.ts";
import { addToRoom, checkRoomsLeft, ROOM_MEMBERS_MAX } from "./joining.ts";
import { removeFromRoom } from "./leaving.ts";
import type { OfProduct } from "./managed-rooms-writes.ts";
import { countMembers, presentAmong } from "./member-writes.ts";
import { checkGroup } from "./rights.ts";
import type { RoomRow } from "./rooms.ts";
import { tellOf } from "./untold.ts";

/** What became of a change of members; people as the request named them. */
export interface MembersChanged {
  /** Those who joined; the others were there already. */
  readonly added: Ref[];
  /** Those who left; the others were not there. */
  readonly removed: Ref[];
  readonly memberCount: number;
  /** Those whom nobody knows, where that is no reason to refuse. */
  readonly skipped: Ref[];
}

/**
 * Brings people into a group and takes others out, whoever owns it.
 * @throws ProblemError `not_found`, `hall_fixed`, `direct_fixed`, `room_dissolved`, `unknown_user`, `invalid` for somebody in both lists,
 * `owner_cannot_leave`, `room_full`, `too_many_rooms`
 */
export async function changeMembers(
  tx: WriteTransaction,
  { ref, add, remove, skipUnknown }: OfProduct & { add: readonly Ref[]; remove: readonly Ref[]; skipUnknown: boolean },
): Promise<MembersChanged> {
  const room = (await roomsByRef(tx.db, [ref])).get(ref);
  if (!room) throw noSuch("room", ref);
  checkGroup(room);
  if (room.dissolved_at !== null) throw new ProblemError("room_dissolved");
  const people = await peopleByRef(tx.db, [...add, ...remove]);
  const uidOf = (one: Ref) => people.get(one)?.uid;
  const isKnown = (one: Ref) => people.has(one);
  const unknown = [...unknownIn("add", add, isKnown), ...unknownIn("remove", remove, isKnown)];
  if (unknown.length > 0 && !skipUnknown) throw unknownRefs("unknown_user", unknown);
  const adding = byUid(add, uidOf);
  const removing = byUid(remove, uidOf);
  checkNotBoth(remove, (one) => adding.has(uidOf(one) ?? 0));
  const present = await presentAmong(tx.db, room.id, [...adding.keys(), ...removing.keys()]);
  const added = new Map([...adding].filter(([uid]) => !present.has(uid)));
  const removed = new Map([...removing].filter(([uid]) => present.has(uid)));
  if ([...removed.keys()].some((uid) => present.get(uid) === 1)) throw new ProblemError("owner_cannot_leave");
  const memberCount = await checkRoom(tx, { room, added, removed });
  if (room.untold > 0 && adding.size > 0) await tellOf(tx, [{ roomId: room.id, by: undefined }]);
  if (removed.size > 0) await removeFromRoom(tx, room, [...removed.keys()]);
  if (added.size > 0) await addToRoom(tx, room, { uids: [...added.keys()] });
  if (memberCount !== room.member_count || removed.size > 0) await countMembers(tx, room.id, memberCount);
  const skipped = unknown.map(({ ref: name }) => name);
  return { added: [...added.values()], removed: [...removed.values()], memberCount, skipped };
}

/** The people by uid, each as they were named first. */
function byUid(refs: readonly Ref[], uidOf: (ref: Ref) => number | undefined): Map<number, Ref> {
  const named = new Map<number, Ref>();
  for (const ref of refs) {
    const uid = uidOf(ref);
    if (uid !== undefined && !named.has(uid)) named.set(uid, ref);
  }
  return named;
}

/** There is room for them, in this room and in their own lists. @returns the number of members afterwards */
async function checkRoom(
  tx: WriteTransaction,
  { room, added, removed }: { room: RoomRow; added: ReadonlyMap<number, Ref>; removed: ReadonlyMap<number, Ref> },
): Promise<number> {
  const memberCount = room.member_count + added.size - removed.size;
  if (added.size > 0 && memberCount > ROOM_MEMBERS_MAX) {
    throw new ProblemError("room_full", `A room has at most ${ROOM_MEMBERS_MAX} members`);
  }
  if (added.size > 0) await checkRoomsLeft(tx, [...added.keys()]);
  return memberCount;
}

function checkNotBoth(remove: readonly Ref[], isAdded: (ref: Ref) => boolean): void {
  const errors = remove.flatMap((ref, index) =>
    isAdded(ref) ? [{ path: `remove.${index}`, message: "is to be added too" }] : [],
  );
  const [first] = errors;
  if (!first) return;
  throw new ProblemError("invalid", `${first.path}: ${first.message}`, {
    extra: { errors: errors.slice(0, ERRORS_NAMED) },
  });
}
