import { readSnapshot } from "../event-log/snapshot.ts";
import { takeEach } from "../limits/take-each.ts";
import { othersOf, peopleAdded, strangersAmong } from "./bringing-in.ts";
import * as procedures from "./member-writes.ts";
import { type MemberView, memberPage } from "./members.ts";
import { type Actor, actorOf } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";

/** What people do with the members of rooms. Every transport calls these; `rights.ts` says who may do what. */

/** A member of a room, as one person acts on them. */
interface OnMember {
  readonly roomId: number;
  readonly uid: number;
}

/** The members of a room; in the hall that is everybody. `after`: the last uid of the page before. */
export function listMembers(
  context: RoomsContext,
  actor: Actor,
  page: { roomId: number; after: number | undefined; limit: number },
): Promise<{ items: MemberView[]; nextCursor: string | null; asOf: string }> {
  return readSnapshot(context, async ({ db, asOf }) => ({
    ...(await memberPage(context, db, { actor, ...page })),
    asOf,
  }));
}

/**
 * Any member brings people into a group. `added`: those who joined; the others were already there.
 * @throws ProblemError `too_many_rooms`, `not_friends`, and as the room's rules refuse
 */
export async function addMembers(
  context: RoomsContext,
  actor: Actor,
  { roomId, memberIds }: { roomId: number; memberIds: readonly number[] },
): Promise<{ added: number[]; memberCount: number }> {
  const { rates, writes, friendsOnly } = context;
  const uids = othersOf(actor, memberIds);
  takeEach({ rate: rates.roomChanges, key: actor.uid }, ...peopleAdded(rates, actor, uids));
  const strangers = await strangersAmong(context, { by: actor.uid, uids });
  return writes.run(procedures.addMembers, { actor: actorOf(actor), roomId, memberIds, friendsOnly, strangers });
}

/** Leaves a group, or removes somebody from it. */
export async function removeMember(
  { writes, rates }: RoomsContext,
  actor: Actor,
  { roomId, uid }: OnMember,
): Promise<void> {
  rates.roomChanges.take(actor.uid);
  return writes.run(procedures.removeMember, { actor: actorOf(actor), roomId, uid });
}

/** The owner makes a member an admin (2), or an ordinary one again (3). */
export async function changeRole(
  { writes, rates }: RoomsContext,
  actor: Actor,
  { roomId, uid, role }: OnMember & { role: 2 | 3 },
): Promise<void> {
  rates.roomChanges.take(actor.uid);
  return writes.run(procedures.changeRole, { actor: actorOf(actor), roomId, uid, role });
}

/** The owner transfers the ownership of a group to another member. */
export async function changeOwner(
  { writes, rates }: RoomsContext,
  actor: Actor,
  { roomId, uid }: OnMember,
): Promise<void> {
  rates.roomChanges.take(actor.uid);
  return writes.run(procedures.changeOwner, { actor: actorOf(actor), roomId, uid });
}
