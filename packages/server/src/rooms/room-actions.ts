import { readSnapshot, readTexts } from "../event-log/snapshot.ts";
import { type Take, takeEach } from "../limits/take-each.ts";
import { checkFriends } from "../ties/ties.ts";
import { othersOf, peopleAdded, strangersAmong } from "./bringing-in.ts";
import { isMember } from "./members.ts";
import { readableRoom } from "./reading.ts";
import { conversations } from "./room-list.ts";
import { type ConversationView, type RoomView, viewsOf } from "./room-view.ts";
import * as procedures from "./room-writes.ts";
import { type Actor, actorOf, findDirect } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";

/** What people do with rooms themselves; what they do with members is in `member-actions.ts`. Every transport calls these. */

/** A room as one person sees it, with the cursor that belongs to it. */
export type RoomAsOf = RoomView & { asOf: string };

/** The actor's rooms, newest activity first. `before`: the previous page's cursor. */
export function listRooms(
  context: RoomsContext,
  actor: Actor,
  page: { before: number | undefined; limit: number },
): Promise<{ items: ConversationView[]; nextCursor: string | null; asOf: string }> {
  const now = context.clock.now();
  return readTexts(context, async ({ db, asOf, shows }) => ({
    ...(await conversations(context, db, { actor, ...page, now, shows })),
    asOf,
  }));
}

/** Without an actor: an anonymous reader. @throws ProblemError `not_found`; `unauthorized` for anonymous readers */
export function getRoom(context: RoomsContext, actor: Actor | undefined, roomId: number): Promise<RoomAsOf> {
  const { hallCount, clock } = context;
  return readSnapshot(context, async ({ db, asOf }) => {
    const found = await readableRoom(context, db, { roomId, actor });
    const [view] = await viewsOf(db, [found], { uid: actor?.uid, hallCount, now: clock.now() });
    return { ...(view as RoomView), asOf };
  });
}

/**
 * A group that the actor owns. Without a name it is named after its first members.
 * @throws ProblemError `too_many_rooms`, `room_full`, `unknown_user`, `not_friends`
 */
export async function createRoom(context: RoomsContext, actor: Actor, room: procedures.NewRoom): Promise<RoomAsOf> {
  const uids = othersOf(actor, room.memberIds);
  takeEach(...roomMade(context, actor), ...peopleAdded(context.rates, actor, uids));
  const strangers = await strangersAmong(context, { by: actor.uid, uids });
  const { friendsOnly } = context;
  const { roomId } = await context.writes.run(procedures.createRoom, {
    uid: actor.uid,
    friendsOnly,
    strangers,
    ...room,
  });
  return getRoom(context, actor, roomId);
}

/**
 * The room of the actor and one other person; there is one for each pair. An existing room is only looked up: it does not count as a new
 * room, and no write waits for it.
 * @throws ProblemError `too_many_rooms`, `unknown_user`, `own_account`, `not_friends`
 */
export async function openDirect(
  context: RoomsContext,
  actor: Actor,
  userId: number,
): Promise<{ room: RoomAsOf; created: boolean }> {
  const { friendsOnly } = context;
  const found = await findDirect(context.db, actor.uid, userId);
  // Somebody who does not know of the room opens it for themselves.
  if (found !== undefined && (await isMember(context, { roomId: found, uid: actor.uid }))) {
    if (friendsOnly) await checkFriends(context.db, actor.uid, [userId]);
    return { room: await getRoom(context, actor, found), created: false };
  }
  const uids = othersOf(actor, [userId]);
  takeEach(...roomMade(context, actor), ...peopleAdded(context.rates, actor, uids));
  const strangers = await strangersAmong(context, { by: actor.uid, uids });
  const asked = { uid: actor.uid, otherUid: userId, opener: actor.uid, friendsOnly, strangers };
  const { roomId, created } = await context.writes.run(procedures.openDirect, asked);
  return { room: await getRoom(context, actor, roomId), created };
}

function roomMade({ rates }: RoomsContext, { uid }: Actor): Take[] {
  return [
    { rate: rates.roomsMade, key: uid },
    { rate: rates.roomsMadeADay, key: uid },
  ];
}

/** The owner and admins change a room's name and settings. */
export async function changeRoom(
  context: RoomsContext,
  actor: Actor,
  { roomId, changes }: { roomId: number; changes: procedures.RoomChanges },
): Promise<RoomAsOf> {
  context.rates.roomChanges.take(actor.uid);
  await context.writes.run(procedures.changeRoom, { actor: actorOf(actor), roomId, changes });
  return getRoom(context, actor, roomId);
}

/** Ends a group: its owner. */
export async function dissolveRoom(context: RoomsContext, actor: Actor, roomId: number): Promise<void> {
  context.rates.roomChanges.take(actor.uid);
  await context.writes.run(procedures.dissolveRoom, { actor: actorOf(actor), roomId });
}
