import { inList } from "../db/dialect.ts";
import { defineWrite } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { Internal, internalEvent } from "../event-log/internal-events.ts";

/** Notes when devices and people were last seen, many at once, off the way of any request. */
export const noteSeen = defineWrite(
  "identity.note-seen",
  async (tx, input: { loginIds: readonly number[]; uids: readonly number[]; now: number }): Promise<void> => {
    const { now } = input;
    await tx.db.updateTable("logins").set({ last_seen_at: now }).where("id", "in", inList(input.loginIds)).execute();
    await tx.db.updateTable("users").set({ last_seen_at: now }).where("uid", "in", inList(input.uids)).execute();
  },
);

/** Removes those of the logins that have expired; live connections of theirs are closed like revoked ones. */
export const removeExpiredLogins = defineWrite(
  "identity.remove-expired-logins",
  async (tx, input: { loginIds: readonly number[]; now: number }): Promise<void> => {
    const removed = await tx.db
      .deleteFrom("logins")
      .where("id", "in", inList(input.loginIds))
      .where("expires_at", "<=", input.now)
      .returning("id")
      .execute();
    if (removed.length === 0) return;
    const loginIds = removed.map((row) => row.id);
    await append(tx, input.now, [internalEvent(Internal.LOGINS_REVOKED, { loginIds })]);
  },
);
