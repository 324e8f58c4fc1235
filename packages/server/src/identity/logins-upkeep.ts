import { numberList } from "../db/rows.ts";
import { type Outcome, sent, type WriteTransaction } from "../db/transaction.ts";
import { tokenMark } from "./known-requesters.ts";
import { noteKnown } from "./known-requesters-writes.ts";
import { endLogins } from "./logins-writes.ts";

export interface Seen {
  readonly loginIds: readonly number[];
  readonly uids: readonly number[];
}

/** Stores when devices and people were last seen, many at once, outside any request. */
export async function noteSeen(tx: WriteTransaction, inputs: readonly Seen[]): Promise<Outcome<void>[]> {
  const { now } = tx;
  const loginIds = numberList(inputs.flatMap((input) => input.loginIds));
  const uids = numberList(inputs.flatMap((input) => input.uids));
  sent(tx, tx.db.updateTable("logins").set({ last_seen_at: now }).where("id", "in", loginIds).execute());
  sent(tx, tx.db.updateTable("users").set({ last_seen_at: now }).where("uid", "in", uids).execute());
  return inputs.map(() => ({ ok: true, value: undefined }));
}

/**
 * Removes expired logins; their live connections are closed like those of revoked ones. Their tokens are remembered for a while, as the
 * sign of a device of the person.
 */
export async function removeExpiredLogins(tx: WriteTransaction, input: { loginIds: readonly number[] }): Promise<void> {
  const expired = await tx.db
    .selectFrom("logins")
    .select(["id", "uid", "token_hash"])
    .where("id", "in", numberList(input.loginIds))
    .where("expires_at", "<=", tx.clockNow)
    .execute();
  await noteKnown(
    tx,
    expired.map(({ uid, token_hash }) => ({ uid, mark: tokenMark(token_hash) })),
  );
  await endLogins(
    tx,
    expired.map(({ id }) => id),
  );
}
