import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { friendEvent } from "./contact-events.ts";

/** A person and one of their friends. */
interface OnFriend {
  readonly uid: number;
  readonly friendUid: number;
}

/** Gives a friend another name, which only the actor sees. If nothing changes, nobody is told. @throws ProblemError `not_found` */
export async function setRemark(
  tx: WriteTransaction,
  { uid, friendUid, remark }: OnFriend & { remark: string },
): Promise<void> {
  const row = await tx.db
    .selectFrom("friends")
    .select("remark")
    .where("uid", "=", uid)
    .where("friend_uid", "=", friendUid)
    .executeTakeFirst();
  if (!row) throw new ProblemError("not_found");
  if (row.remark === remark) return;
  sent(
    tx,
    tx.db.updateTable("friends").set({ remark }).where("uid", "=", uid).where("friend_uid", "=", friendUid).execute(),
  );
  await append(tx, [friendEvent(uid, { uid: friendUid, change: "remark", remark })]);
}

/** Ends a friendship, for both. Nothing changes for people who are not friends. */
export async function removeFriend(tx: WriteTransaction, { uid, friendUid }: OnFriend): Promise<void> {
  const gone = await tx.db
    .deleteFrom("friends")
    .where((eb) =>
      eb.or([
        eb.and([eb("uid", "=", uid), eb("friend_uid", "=", friendUid)]),
        eb.and([eb("uid", "=", friendUid), eb("friend_uid", "=", uid)]),
      ]),
    )
    .returning("uid")
    .execute();
  if (gone.length === 0) return;
  const change = "removed" as const;
  await append(tx, [friendEvent(uid, { uid: friendUid, change }), friendEvent(friendUid, { uid, change })]);
}
