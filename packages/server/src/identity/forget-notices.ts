import { sent, type WriteTransaction } from "../db/transaction.ts";

/**
 * Removes a person's notifications, with the content of those that nobody else has, and their marks of notifications to everybody: at most 1 000 of each.
 */
export async function forgetNotices(tx: WriteTransaction, uid: number): Promise<void> {
  const own = tx.db.selectFrom("notification_recipients").select("notification_id").where("uid", "=", uid);
  sent(
    tx,
    tx.db
      .deleteFrom("notifications")
      .where("id", "in", own)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("notification_recipients as other")
              .select("other.uid")
              .whereRef("other.notification_id", "=", "notifications.id")
              .where("other.uid", "!=", uid),
          ),
        ),
      )
      .execute(),
  );
  for (const table of ["notification_recipients", "notification_marks", "notification_places"] as const) {
    sent(tx, tx.db.deleteFrom(table).where("uid", "=", uid).execute());
  }
}
