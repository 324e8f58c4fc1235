import { HALL_ROOM_ID } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";
import type { Actor, HallRules, Membership, Role, RoomRow, Standing } from "./rooms.ts";

/**
 * Who may do what in a room. Pure rules: they read no clock and no database and change nothing. `check…` throws the
 * refusal. A room that one never was in does not exist for him (404); one that he left is seen, but nothing is done there.
 */
interface Seen {
  readonly membership: Membership | undefined;
}

interface Lived extends Seen {
  readonly room: Pick<RoomRow, "dissolved_at">;
}

type AsMember<S> = S & { readonly membership: Membership };
export type MemberStanding = AsMember<Standing>;

/** Members, past ones too. */
export function checkSees<S extends Seen>(standing: S | undefined): asserts standing is AsMember<S> {
  if (!standing?.membership) throw new ProblemError("not_found");
}

/** Members of a room that lives. */
export function checkPresent<S extends Lived>(standing: S | undefined): asserts standing is AsMember<S> {
  checkSees(standing);
  if (standing.membership.leftSeq !== null) throw new ProblemError("forbidden", "You are no longer in this room");
  if (standing.room.dissolved_at !== null) throw new ProblemError("room_dissolved");
}

/** Rooms whose members can change. */
export function checkGroup(room: RoomRow): void {
  if (room.id === HALL_ROOM_ID) throw new ProblemError("hall_fixed");
  if (room.type === 2) throw new ProblemError("direct_fixed");
}

/** Name, picture, notice and settings: the owner and admins. */
export function checkMayChange({ room, membership }: MemberStanding): void {
  if (room.type === 2) throw new ProblemError("forbidden", "A direct room has no settings of its own");
  if (membership.role > 2) throw new ProblemError("forbidden", "Only the owner and admins may change the room");
}

export function checkOwns({ room, membership }: MemberStanding): void {
  checkGroup(room);
  if (membership.role !== 1) throw new ProblemError("forbidden", "Only the owner may do this");
}

/** The owner removes anybody, an admin ordinary members, everybody himself; the owner stays until he hands the room over. */
export function checkMayRemove(actor: { uid: number; role: Role }, target: { uid: number; role: Role }): void {
  if (target.uid === actor.uid) {
    if (actor.role === 1) throw new ProblemError("owner_cannot_leave");
    return;
  }
  if (actor.role >= target.role) throw new ProblemError("forbidden", "You may not remove this member");
}

/** The hall as configured, for those who ask about it or read it. */
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

/** Why a message is refused; undefined: it is welcome. Returned, since one bad message of a batch must not fail the others. */
export function sendRefusal<S extends Lived & { room: Pick<RoomRow, "mute_all"> }>(
  standing: S | undefined,
  now: number,
): ProblemError | undefined {
  try {
    checkPresent(standing);
    const { room, membership } = standing;
    if (room.mute_all === 1 && membership.role === 3) {
      throw new ProblemError("forbidden", "Only the owner and admins may write here at the moment");
    }
    if (membership.mutedUntil !== null && membership.mutedUntil > now) {
      throw new ProblemError("forbidden", "You may not write in this room for a while");
    }
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
}
