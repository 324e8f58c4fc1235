import { type FriendChange, Push, type PushData, userStream } from "@parley/protocol";
import { numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";

/**
 * Ends the contacts of an account that ends: nothing stays of its friendships, the requests that it made, and its blocks. Its friends, and
 * people with open requests to it or from it, are told; caps bound their number.
 */
export async function endContacts(tx: WriteTransaction, uid: number): Promise<void> {
  const friends = await tx.db.deleteFrom("friends").where("uid", "=", uid).returning("friend_uid as other").execute();
  const others = numberList(friends.map(({ other }) => other));
  sent(tx, tx.db.deleteFrom("friends").where("uid", "in", others).where("friend_uid", "=", uid).execute());
  const open = await tx.db
    .selectFrom("friend_requests")
    .select(["id", "from_uid as from", "to_uid as to", "hidden", "read"])
    .where("state", "=", "open")
    .where((eb) => eb.or([eb("from_uid", "=", uid), eb("to_uid", "=", uid)]))
    .execute();
  sent(
    tx,
    tx.db
      .deleteFrom("friend_requests")
      .where((eb) => eb.or([eb("from_uid", "=", uid), eb.and([eb("to_uid", "=", uid), eb("state", "=", "open")])]))
      .execute(),
  );
  sent(tx, tx.db.deleteFrom("blocks").where("uid", "=", uid).execute());
  const withdrawn = open.filter(({ from, hidden }) => from === uid && hidden === 0);
  await append(tx, [
    ...friends.map(({ other }) => friendEvent(other, { uid, change: "removed" })),
    ...withdrawn.map(({ id, to }) => friendEvent(to, { uid, change: "withdrawn", requestId: id })),
    ...open.flatMap(({ id, from, to }) =>
      to === uid ? [friendEvent(from, { uid, change: "withdrawn", requestId: id })] : [],
    ),
  ]);
  for (const { to, read } of withdrawn) if (read === 0) await tellCounter(tx, to);
}

async function tellCounter(tx: WriteTransaction, uid: number): Promise<void> {
  const { count } = await tx.db
    .selectFrom("friend_requests")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("to_uid", "=", uid)
    .where("state", "=", "open")
    .where("hidden", "=", 0)
    .where("read", "=", 0)
    .executeTakeFirstOrThrow();
  const data: PushData[109] = { friendRequests: count };
  await append(tx, [{ stream: userStream(uid), type: Push.SELF, data: () => JSON.stringify(data) }]);
}

function friendEvent(uid: number, data: PushData[111] & { change: FriendChange }): Draft {
  return { stream: userStream(uid), type: Push.FRIEND, data: () => JSON.stringify(data) };
}
