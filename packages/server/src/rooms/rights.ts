import { HALL_ROOM_ID, MUTED_FOR_GOOD } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";
import type { Actor, HallRules, Membership, Role, RoomAndMembership, RoomRow } from "./rooms.ts";

/**
 * Rules of who may do what in a room. They are pure: they read no clock and no database and change nothing. `check…` throws the
 * refusal. A room that a user was never in does not exist for them (404); a room that they left can be seen, but not changed.
 */
interface MaybeMember {
  readonly membership: Membership | undefined;
}

interface MaybeMemberOfRoom extends MaybeMember {
  readonly room: Pick<RoomRow, "dissolved_at">;
}

type AsMember<S> = S & { readonly membership: Membership };
export type RoomOfMember = AsMember<RoomAndMembership>;

/** The user is or was a member. */
export function checkWasMember<S extends MaybeMember>(found: S | undefined): asserts found is AsMember<S> {
  if (!found?.membership) throw new ProblemError("not_found");
}

/** The user is a member, and the room is not dissolved. */
export function checkIsMember<S extends MaybeMemberOfRoom>(found: S | undefined): asserts found is AsMember<S> {
  checkWasMember(found);
  if (found.membership.leftSeq !== null) throw new ProblemError("forbidden", "You are no longer in this room");
  if (found.room.dissolved_at !== null) throw new ProblemError("room_dissolved");
}

/** The room is one whose members can change. */
export function checkGroup(room: RoomRow): void {
  if (room.id === HALL_ROOM_ID) throw new ProblemError("hall_fixed");
  if (room.type === 2) throw new ProblemError("direct_fixed");
}

/** The room is not managed by the product; only a server key changes a managed room. */
export function checkUnmanaged(room: Pick<RoomRow, "external_id">): void {
  if (room.external_id !== null) throw new ProblemError("room_managed");
}

/** The owner and the admins may change name, picture, notice and settings. */
export function checkMayChange({ room, membership }: RoomOfMember): void {
  if (room.type === 2) throw new ProblemError("forbidden", "A direct room has no settings that can be changed");
  checkUnmanaged(room);
  if (membership.role > 2) throw new ProblemError("forbidden", "Only the owner and admins may change the room");
}

export function checkIsOwner({ room, membership }: RoomOfMember): void {
  checkGroup(room);
  checkUnmanaged(room);
  if (membership.role !== 1) throw new ProblemError("forbidden", "Only the owner may do this");
}

/** The owner may remove anybody, an admin ordinary members; all may leave, but the owner only after transferring the ownership. */
export function checkMayRemove(actor: { uid: number; role: Role }, target: { uid: number; role: Role }): void {
  if (target.uid === actor.uid) {
    if (actor.role === 1) throw new ProblemError("owner_cannot_leave");
    return;
  }
  if (actor.role >= target.role) throw new ProblemError("forbidden", "You may not remove this member");
}

/** The owner may mute anybody else, an admin ordinary members. */
export function checkMayMute(actor: { uid: number; role: Role }, target: { uid: number; role: Role }): void {
  if (target.uid === actor.uid) throw new ProblemError("own_account", "You cannot mute yourself");
  if (actor.role >= target.role) throw new ProblemError("forbidden", "You may not mute this member");
}

/** The configuration lets this user, or an anonymous reader, see the room. */
export function checkHallOpen(roomId: number, hall: HallRules, actor: Actor | undefined): void {
  if (roomId === HALL_ROOM_ID && hall.access === "off") throw new ProblemError("not_found");
  if (!actor && roomId !== HALL_ROOM_ID) throw new ProblemError("unauthorized");
}

export function checkHallSend(roomId: number, hall: HallRules, actor: Actor): void {
  checkHallOpen(roomId, hall, actor);
  if (roomId === HALL_ROOM_ID && hall.send === "admins" && actor.power !== 1) {
    throw new ProblemError("forbidden", "Only administrators may write in the hall");
  }
}

/** Why a message is refused; undefined: it is accepted. Returned, because one bad message of a batch must not fail the others. */
export function sendRefusal<S extends MaybeMemberOfRoom & { room: Pick<RoomRow, "mute_all"> }>(
  found: S | undefined,
  now: number,
): ProblemError | undefined {
  try {
    checkIsMember(found);
    const { room, membership } = found;
    if (room.mute_all === 1 && membership.role === 3) {
      throw new ProblemError("forbidden", "Only the owner and admins may write here at the moment");
    }
    if (membership.mutedUntil !== null && membership.mutedUntil > now) {
      const until = membership.mutedUntil === MUTED_FOR_GOOD ? null : membership.mutedUntil;
      throw new ProblemError("muted", undefined, { extra: { until } });
    }
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
}
