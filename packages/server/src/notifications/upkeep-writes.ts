import { sql } from "kysely";
import { numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { changeKept, counted } from "./notice-rows.ts";

/** How long it is known that one has expired, for those who were away: as long as the log keeps what is old, unless it is set otherwise. */
const KNOWN_MS = 7 * 24 * 3_600_000;
/** Fewer than rows, so that those to single people go by one write each time: 5 000 a second, as they may come. */
const NOTICES_AT_ONCE = 50;
/** A larger removal would hold up the sends that wait behind it. */
const ROWS_AT_ONCE = 100;

/**
 * Removes what has expired: first who had it, then its content, and after a week the notification itself. A bounded number of rows each time.
 * @returns whether there may be more
 */
export async function removeExpiredNotices(tx: WriteTransaction): Promise<boolean> {
  const ended = await tx.db
    .selectFrom("notifications")
    .select(["id", "is_gone"])
    .where("is_swept", "=", sql.lit(0))
    .where("expires_at", "<=", tx.clockNow)
    .orderBy("expires_at")
    .limit(NOTICES_AT_ONCE)
    .execute();
  if (ended.length === 0) return removeForgotten(tx);
  const ids = numberList(ended.map(({ id }) => id));
  const left = (await removeOwn(tx, ids)) || (await removeMarks(tx, ids));
  if (left) return true;
  const gone = ended.filter(({ is_gone }) => is_gone === 1).map(({ id }) => id);
  sent(tx, tx.db.deleteFrom("notifications").where("id", "in", numberList(gone)).execute());
  sent(
    tx,
    tx.db
      .updateTable("notifications")
      .set({ is_swept: 1, title: "", text: "", link: null, data: null })
      .where("id", "in", ids)
      .execute(),
  );
  return true;
}

type Ids = ReturnType<typeof numberList>;

/** @returns whether some are left */
async function removeOwn(tx: WriteTransaction, ids: Ids): Promise<boolean> {
  const rows = tx.db
    .selectFrom("notification_recipients")
    .select(["uid", "notification_id"])
    .where("notification_id", "in", ids)
    .limit(ROWS_AT_ONCE);
  const removed = await tx.db
    .deleteFrom("notification_recipients")
    .where((eb) => eb(eb.refTuple("uid", "notification_id"), "in", rows.$asTuple("uid", "notification_id")))
    .returning("uid")
    .execute();
  const uids = removed.map(({ uid }) => uid);
  await changeKept(tx, counted(uids, -1));
  return removed.length === ROWS_AT_ONCE;
}

/** @returns whether some are left */
async function removeMarks(tx: WriteTransaction, ids: Ids): Promise<boolean> {
  const rows = tx.db
    .selectFrom("notification_marks")
    .select(["uid", "notification_id"])
    .where("notification_id", "in", ids)
    .limit(ROWS_AT_ONCE);
  const removed = await tx.db
    .deleteFrom("notification_marks")
    .where((eb) => eb(eb.refTuple("uid", "notification_id"), "in", rows.$asTuple("uid", "notification_id")))
    .returning("uid")
    .execute();
  return removed.length === ROWS_AT_ONCE;
}

async function removeForgotten(tx: WriteTransaction): Promise<boolean> {
  const old = tx.db
    .selectFrom("notifications")
    .select("id")
    .where("is_swept", "=", sql.lit(1))
    .where("expires_at", "<=", tx.clockNow - KNOWN_MS)
    .limit(ROWS_AT_ONCE);
  const removed = await tx.db.deleteFrom("notifications").where("id", "in", old).returning("id").execute();
  return removed.length === ROWS_AT_ONCE;
}
