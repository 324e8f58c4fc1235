import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { namesOf } from "../rooms/joining.ts";
import { blocksAmong, friendsAmong } from "../ties/ties.ts";
import { answer, befriend, countersNow, tellCounter } from "./befriend.ts";
import { applyEvent, friendEvent, selfEvent } from "./contact-events.ts";
import { type RequestRow, type RequestView, requestById, requestsBetween, viewOf } from "./request-rows.ts";

/** After a rejection the same person asks the same other person again so many milliseconds later at the earliest. */
const WAIT_MS = 24 * 60 * 60 * 1000;

/** What asking came to. */
export interface Asked {
  readonly request: RequestView;
  /** False: it was there already, or it was the answer to one of the other person's. */
  readonly created: boolean;
}

/**
 * Asks somebody to be friends. An open request stands as it is; where the other person has asked, this accepts. Whether they have blocked
 * the person who asks makes no difference to what that person is answered and shown.
 */
export async function askFriend(
  tx: WriteTransaction,
  { uid, userId, text }: { uid: number; userId: number; text: string },
): Promise<Asked> {
  if (uid === userId) throw new ProblemError("own_account");
  await namesOf(tx, [userId]);
  const blocks = await blocksAmong(tx.db, [
    [uid, userId],
    [userId, uid],
  ]);
  if (blocks.has(uid, userId)) throw new ProblemError("person_blocked");
  if ((await friendsAmong(tx.db, [[uid, userId]])).has(uid, userId)) throw new ProblemError("already_friends");
  const hidden = blocks.has(userId, uid) ? 1 : 0;
  const { mine, theirs } = await requestsBetween(tx.db, uid, userId);
  if (theirs?.state === "open") return { request: viewOf(await befriend(tx, theirs), uid), created: false };
  if (mine?.state === "open") {
    if (mine.hidden === 1 && hidden === 0) await show(tx, mine);
    return { request: viewOf(mine, uid), created: false };
  }
  if (mine?.state === "rejected") checkHasWaited(mine, tx.clockNow);
  await checkRequestsLeft(tx, uid, userId);
  if (mine) await tx.db.deleteFrom("friend_requests").where("id", "=", mine.id).execute();
  const row = { from_uid: uid, to_uid: userId, text, state: "open" as const, hidden, read: 0, answered_at: null };
  const made = await tx.db
    .insertInto("friend_requests")
    .values({ ...row, hidden, read: 0, created_at: tx.now } as const)
    .returningAll()
    .executeTakeFirstOrThrow();
  const request = made as RequestRow;
  await append(tx, [
    friendEvent(uid, { uid: userId, change: "requested", requestId: request.id }),
    ...(hidden ? [] : asks(request)),
  ]);
  return { request: viewOf(request, uid), created: true };
}

/** What tells the person who is asked. */
function asks({ id, from_uid: from, to_uid: to }: RequestRow) {
  return [applyEvent(to, from), friendEvent(to, { uid: from, change: "requested", requestId: id })];
}

/** A request that was hidden reaches the person who is asked, since it was made again after the block had ended. */
async function show(tx: WriteTransaction, request: RequestRow): Promise<void> {
  await tx.db.updateTable("friend_requests").set({ hidden: 0, read: 0 }).where("id", "=", request.id).execute();
  await append(tx, asks(request));
}

function checkHasWaited({ answered_at }: RequestRow, now: number): void {
  const until = (answered_at ?? 0) + WAIT_MS;
  if (until > now) throw new ProblemError("request_rejected", undefined, { extra: { until } });
}

/** Hidden ones do not count for the person who is asked: people whom they have blocked must not keep others from asking. */
async function checkRequestsLeft(tx: WriteTransaction, uid: number, userId: number): Promise<void> {
  const open = tx.db
    .selectFrom("friend_requests")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("state", "=", "open");
  const made = await open.where("from_uid", "=", uid).executeTakeFirstOrThrow();
  if (made.count >= CAPS.requestsMade.count) {
    throw new ProblemError(
      "too_many_requests_open",
      "Too many of your friend requests wait for an answer; withdraw some",
    );
  }
  const got = await open.where("to_uid", "=", userId).where("hidden", "=", 0).executeTakeFirstOrThrow();
  if (got.count < CAPS.requestsGot.count) return;
  const message = "Too many friend requests wait for this person";
  throw new ProblemError("too_many_requests_open", message, { extra: { userIds: [userId] } });
}

interface OnRequest {
  readonly uid: number;
  readonly requestId: number;
}

/** The person who was asked accepts; again is the same. @throws ProblemError `not_found`, `forbidden`, `request_closed`, and as `befriend` does */
export async function acceptRequest(tx: WriteTransaction, { uid, requestId }: OnRequest): Promise<RequestView> {
  const request = await requestTo(tx, { uid, requestId });
  if (request.state === "accepted") return viewOf(request, uid);
  if (request.state === "rejected") throw new ProblemError("request_closed");
  return viewOf(await befriend(tx, request), uid);
}

/** The person who was asked rejects; again is the same. @throws ProblemError `not_found`, `forbidden`, `request_closed` */
export async function rejectRequest(tx: WriteTransaction, { uid, requestId }: OnRequest): Promise<RequestView> {
  const request = await requestTo(tx, { uid, requestId });
  if (request.state === "rejected") return viewOf(request, uid);
  if (request.state === "accepted") throw new ProblemError("request_closed");
  const { from_uid: from } = request;
  const answered = await answer(tx, request, "rejected");
  const data = { change: "rejected" as const, requestId };
  await append(tx, [friendEvent(from, { uid, ...data }), friendEvent(uid, { uid: from, ...data })]);
  await tellCounter(tx, uid, request);
  return viewOf(answered, uid);
}

/** The person who asked takes it back. Nothing of it stays. @throws ProblemError `not_found`, `forbidden`, `request_closed` */
export async function withdrawRequest(tx: WriteTransaction, { uid, requestId }: OnRequest): Promise<void> {
  const request = await requestById(tx.db, requestId);
  if (request?.from_uid !== uid) throw refusalFor(request, uid, "Reject the request instead");
  if (request.state !== "open") throw new ProblemError("request_closed");
  await takeBack(tx, request);
}

/** Ends an open request as the person who made it does. */
export async function takeBack(tx: WriteTransaction, request: RequestRow): Promise<void> {
  const { id, from_uid: from, to_uid: to } = request;
  await tx.db.deleteFrom("friend_requests").where("id", "=", id).execute();
  const data = { change: "withdrawn" as const, requestId: id };
  await append(tx, [
    friendEvent(from, { uid: to, ...data }),
    ...(request.hidden ? [] : [friendEvent(to, { uid: from, ...data })]),
  ]);
  await tellCounter(tx, to, request);
}

/** Requests up to an id are read. @returns how many are not, and up to where they are */
export async function readRequests(
  tx: WriteTransaction,
  { uid, upTo }: { uid: number; upTo: number },
): Promise<{ friendRequests: number }> {
  const unread = await tx.db
    .selectFrom("friend_requests")
    .select((eb) => eb.fn.max("id").as("id"))
    .where("to_uid", "=", uid)
    .where("state", "=", "open")
    .where("hidden", "=", 0)
    .where("read", "=", 0)
    .where("id", "<=", upTo)
    .executeTakeFirst();
  // An id that no request has yet must not make a later one read.
  const last = unread?.id ?? null;
  if (last !== null) {
    await tx.db
      .updateTable("friend_requests")
      .set({ read: 1 })
      .where("to_uid", "=", uid)
      .where("state", "=", "open")
      .where("hidden", "=", 0)
      .where("id", "<=", last)
      .execute();
  }
  const counters = await countersNow(tx, uid);
  if (last !== null) await append(tx, [selfEvent(uid, { friendRequestsRead: last, ...counters })]);
  return { friendRequests: counters.friendRequests };
}

/** A request that this person was asked by, and that they see. */
async function requestTo(tx: WriteTransaction, { uid, requestId }: OnRequest): Promise<RequestRow> {
  const request = await requestById(tx.db, requestId);
  if (request?.to_uid === uid && request.hidden === 0) return request;
  throw refusalFor(request, uid, "Only the person who was asked may answer");
}

/** 403 for the other one of the two people, who sees the request, and 404 for everybody else. */
function refusalFor(request: RequestRow | undefined, uid: number, why: string): ProblemError {
  const sees = request && (request.from_uid === uid || (request.to_uid === uid && request.hidden === 0));
  return sees ? new ProblemError("forbidden", why) : new ProblemError("not_found");
}
