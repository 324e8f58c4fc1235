import { inList } from "../db/dialect.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { Internal, internalEvent } from "../event-log/internal-events.ts";

/** Notes when devices and people were last seen, many at once, off the way of any request. */
export async function noteSeen(
  tx: WriteTransaction,
  input: { loginIds: readonly number[]; uids: readonly number[] },
): Promise<void> {
  const { now } = tx;
  await tx.db.updateTable("logins").set({ last_seen_at: now }).where("id", "in", inList(input.loginIds)).execute();
  await tx.db.updateTable("users").set({ last_seen_at: now }).where("uid", "in", inList(input.uids)).execute();
}

/** Removes those of the logins that have expired; live connections of theirs are closed like revoked ones. */
export async function removeExpiredLogins(tx: WriteTransaction, input: { loginIds: readonly number[] }): Promise<void> {
  const removed = await tx.db
    .deleteFrom("logins")
    .where("id", "in", inList(input.loginIds))
    .where("expires_at", "<=", tx.now)
    .returning("id")
    .execute();
  if (removed.length === 0) return;
  const loginIds = removed.map((row) => row.id);
  await append(tx, [internalEvent(Internal.LOGINS_REVOKED, { loginIds })]);
}
