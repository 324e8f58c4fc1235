/**
 * Contacts: friend requests, friends, and blocks.
 *
 * - Two people become friends when one of them accepts the other's request, or asks the person who has asked them. Their direct room is there
 *   from then on. Each change is FRIEND in the streams of both; what only one of them may know stands in that one's stream alone.
 * - What a person has blocked another for reaches nobody: the other is answered and shown the same as before. Rooms and messages ask `ties/`
 *   and keep what somebody who is blocked does to the one who does it.
 *
 * Asks rooms; must not import messages' writing, unread, the gateway or http's shell.
 */
import { readSnapshot } from "../event-log/snapshot.ts";
import { takeEach } from "../limits/take-each.ts";
import type { Actor } from "../rooms/rooms.ts";
import type { Asked } from "./ask-writes.ts";
import * as ask from "./ask-writes.ts";
import type { ContactsContext } from "./contacts-context.ts";
import { type ListedRequest, requestPage } from "./request-list.ts";
import type { RequestView } from "./request-rows.ts";
import * as procedures from "./request-writes.ts";

/**
 * Asks somebody to be friends; the same again answers with the request that is there, and where the other person has asked, this accepts.
 * @throws ProblemError `own_account`, `unknown_user`, `already_friends`, `person_blocked`, `request_rejected`, `too_many_requests_open`,
 *   `too_many_friends`, `too_many_rooms`, `rate_limited`
 */
export async function askFriend(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  { userId, text }: { userId: number; text: string },
): Promise<Asked> {
  takeEach(
    { rate: rates.friendRequests, key: uid },
    { rate: rates.friendRequestsADay, key: uid },
    { rate: rates.friendRequestsToOne, key: `${uid} ${userId}` },
  );
  return writes.run(ask.askFriend, { uid, userId, text });
}

/** What the actor has asked and was asked, newest first. `before`: the last id of the page before. */
export function listRequests(
  context: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  page: { before: number | undefined; limit: number },
): Promise<{ items: ListedRequest[]; nextCursor: string | null; asOf: string }> {
  return readSnapshot(context, async ({ db, asOf }) => ({ ...(await requestPage(db, uid, page)), asOf }));
}

/** @throws ProblemError `not_found`, `forbidden`, `request_closed`, `too_many_friends`, `too_many_rooms`, `rate_limited` */
export async function acceptRequest(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  requestId: number,
): Promise<RequestView> {
  rates.contactChanges.take(uid);
  return writes.run(procedures.acceptRequest, { uid, requestId });
}

/** @throws ProblemError `not_found`, `forbidden`, `request_closed`, `rate_limited` */
export async function rejectRequest(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  requestId: number,
): Promise<RequestView> {
  rates.contactChanges.take(uid);
  return writes.run(procedures.rejectRequest, { uid, requestId });
}

/** Takes back a request of the actor's own. @throws ProblemError `not_found`, `forbidden`, `request_closed`, `rate_limited` */
export async function withdrawRequest(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  requestId: number,
): Promise<void> {
  rates.contactChanges.take(uid);
  return writes.run(procedures.withdrawRequest, { uid, requestId });
}

/** Requests to the actor with this id and lower ones are read. @returns how many are not. @throws ProblemError `rate_limited`, `overloaded` */
export async function readRequests(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  upTo: number,
): Promise<{ friendRequests: number }> {
  rates.readPlaces.take(uid);
  return writes.run(procedures.readRequests, { uid, upTo });
}
