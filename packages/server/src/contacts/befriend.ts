import type { Counters } from "@parley/protocol";
import { insertRows } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { countersOf } from "../notifications/counters.ts";
import { openDirect } from "../rooms/room-writes.ts";
import { friendEvent, selfEvent } from "./contact-events.ts";
import type { RequestRow } from "./request-rows.ts";

/**
 * Makes the two people of an open request friends: the request is accepted, their direct room exists, and both are told.
 * @returns the request as it is now
 * @throws ProblemError `too_many_friends`, `too_many_rooms`, each with the `userIds` of those who have too many
 */
export async function befriend(tx: WriteTransaction, request: RequestRow): Promise<RequestRow> {
  const { id, from_uid: from, to_uid: to } = request;
  await checkFriendsLeft(tx, [from, to]);
  const { roomId } = await openDirect(tx, { uid: to, otherUid: from });
  sent(
    tx,
    insertRows(tx.db, "friends", {
      columns: ["uid", "friend_uid", "room_id", "remark", "since"],
      values: [
        [from, to, roomId, "", tx.now],
        [to, from, roomId, "", tx.now],
      ],
    }),
  );
  const answered = await answer(tx, request, "accepted");
  const data = { change: "accepted" as const, requestId: id, roomId };
  await append(tx, [friendEvent(from, { uid: to, ...data }), friendEvent(to, { uid: from, ...data })]);
  await tellCounter(tx, to, request);
  return answered;
}

/** Stores the answer to a request. The caller tells the people. */
export async function answer(
  tx: WriteTransaction,
  request: RequestRow,
  state: "accepted" | "rejected",
): Promise<RequestRow> {
  const change = { state, hidden: 0 as const, answered_at: tx.now };
  sent(tx, tx.db.updateTable("friend_requests").set(change).where("id", "=", request.id).execute());
  return { ...request, ...change };
}

/** Tells the devices of the person who was asked how many unread requests there are, if an unread one waits no longer. */
export async function tellCounter(
  tx: WriteTransaction,
  uid: number,
  before: Pick<RequestRow, "read" | "hidden">,
): Promise<void> {
  if (before.read === 1 || before.hidden === 1) return;
  await append(tx, [selfEvent(uid, await countersNow(tx, uid))]);
}

/** The dots of one person, after what has been written so far. */
export async function countersNow(tx: WriteTransaction, uid: number): Promise<Counters> {
  return (await countersOf(tx.db, { uids: [uid], now: tx.clockNow })).get(uid) as Counters;
}

async function checkFriendsLeft(tx: WriteTransaction, uids: readonly number[]): Promise<void> {
  const rows = await tx.db
    .selectFrom("friends")
    .select((eb) => ["uid", eb.fn.countAll<number>().as("count")])
    .where("uid", "in", uids)
    .groupBy("uid")
    .execute();
  const full = rows.filter(({ count }) => count >= CAPS.friends.count).map(({ uid }) => uid);
  if (full.length > 0) throw new ProblemError("too_many_friends", undefined, { extra: { userIds: full } });
}
