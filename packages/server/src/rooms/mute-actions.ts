import { MUTED_FOR_GOOD } from "@parley/protocol";
import * as procedures from "./mute-writes.ts";
import { type Actor, actorOf } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";

/** A member of a room, as one person acts on them. */
interface OnMember {
  readonly roomId: number;
  readonly uid: number;
}

/**
 * The owner mutes anybody else in a group, an admin ordinary members: until that time (epoch milliseconds; null: for good) they can read
 * but not write. @returns what others are told @throws ProblemError `invalid` if that time has passed, and as the room's rules refuse
 */
export async function muteMember(
  { writes, rates }: RoomsContext,
  actor: Actor,
  { roomId, uid, until }: OnMember & { until: number | null },
): Promise<{ mutedUntil: number }> {
  rates.roomChanges.take(actor.uid);
  const mutedUntil = until ?? MUTED_FOR_GOOD;
  await writes.run(procedures.setMute, { actor: actorOf(actor), roomId, uid, mutedUntil });
  return { mutedUntil };
}

/** Lets a muted member write again; nothing changes for somebody who is not muted. */
export async function unmuteMember(
  { writes, rates }: RoomsContext,
  actor: Actor,
  { roomId, uid }: OnMember,
): Promise<void> {
  rates.roomChanges.take(actor.uid);
  await writes.run(procedures.setMute, { actor: actorOf(actor), roomId, uid, mutedUntil: null });
}
