import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { answer, befriend, countersNow, tellCounter } from "./befriend.ts";
import { friendEvent, selfEvent } from "./contact-events.ts";
import { type RequestRow, type RequestView, requestById, viewOf } from "./request-rows.ts";

interface OnRequest {
  readonly uid: number;
  readonly requestId: number;
}

/** The person who was asked accepts; this may be repeated. @throws ProblemError `not_found`, `forbidden`, `request_closed`, and as `befriend` does */
export async function acceptRequest(tx: WriteTransaction, { uid, requestId }: OnRequest): Promise<RequestView> {
  const request = await requestTo(tx, { uid, requestId });
  if (request.state === "accepted") return viewOf(request, uid);
  if (request.state === "rejected") throw new ProblemError("request_closed");
  return viewOf(await befriend(tx, request), uid);
}

/** The person who was asked rejects; this may be repeated. @throws ProblemError `not_found`, `forbidden`, `request_closed` */
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
  sent(tx, tx.db.deleteFrom("friend_requests").where("id", "=", id).execute());
  const data = { change: "withdrawn" as const, requestId: id };
  await append(tx, [
    friendEvent(from, { uid: to, ...data }),
    ...(request.hidden ? [] : [friendEvent(to, { uid: from, ...data })]),
  ]);
  await tellCounter(tx, to, request);
}

/** Marks requests up to an id as read. @returns how many are unread, and up to which id they are read */
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
    sent(
      tx,
      tx.db
        .updateTable("friend_requests")
        .set({ read: 1 })
        .where("to_uid", "=", uid)
        .where("state", "=", "open")
        .where("hidden", "=", 0)
        .where("id", "<=", last)
        .execute(),
    );
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

/** 403 403 for the other person, who sees the request, and 404 for everybody else. */
function refusalFor(request: RequestRow | undefined, uid: number, why: string): ProblemError {
  const sees = request && (request.from_uid === uid || (request.to_uid === uid && request.hidden === 0));
  return sees ? new ProblemError("forbidden", why) : new ProblemError("not_found");
}
