import { LIMITS } from "@parley/protocol";
import { insertRows, textList } from "../db/rows.ts";
import { type Outcome, sent, type WriteTransaction } from "../db/transaction.ts";
import { sameSecret } from "../lib/same-secret.ts";
import { insertLogins, type MadeLogin } from "./logins-writes.ts";
import { livingCode } from "./qr-life.ts";
import { USER_COLUMNS, userOf } from "./users.ts";

/** What requesters do with their codes; the steps of phones are in `qr-acts.ts`. */

/** How long an expired code is kept, so that its requester reads `expired` rather than 404. */
const KEPT_MS = 10 * 60_000;
/** Rows removed at once; a large delete would delay the sends that wait behind it. */
const REMOVED_AT_ONCE = 100;

export interface NewQrCode {
  readonly code: string;
  readonly secretHash: string;
  readonly ip: string;
  readonly userAgent: string;
}

export async function createQrCode(
  tx: WriteTransaction,
  inputs: readonly NewQrCode[],
): Promise<Outcome<{ expiresAt: number }>[]> {
  const expiresAt = tx.clockNow + LIMITS.qrLifetimeMs;
  sent(
    tx,
    insertRows(tx.db, "qr_logins", {
      columns: ["code", "secret_hash", "state", "ip", "user_agent", "requested_at", "expires_at"],
      values: inputs.map(({ code, secretHash, ip, userAgent }) => [
        code,
        secretHash,
        "pending",
        ip,
        userAgent,
        tx.clockNow,
        expiresAt,
      ]),
    }),
  );
  return inputs.map(() => ({ ok: true, value: { expiresAt } }));
}

export interface Collection {
  readonly code: string;
  readonly secretHash: string;
  readonly tokenHash: string;
}

/**
 * Makes the logins that were confirmed, each once: the state changes in the same transaction, and of two who ask, in one
 * batch or in two, exactly one gets it. Undefined when there is nothing to collect (any more), the secret is wrong, or the
 * confirming login or account ended, or the account was disabled or its person banned meanwhile.
 */
export async function collectQrLogin(
  tx: WriteTransaction,
  inputs: readonly Collection[],
): Promise<Outcome<MadeLogin | undefined>[]> {
  const codes = await confirmedOf(tx, inputs);
  const logins = inputs.flatMap(({ code, secretHash, tokenHash }) => {
    const found = codes.get(code);
    if (!found || !sameSecret(secretHash, found.secretHash)) return [];
    codes.delete(code);
    const { ip, userAgent, user } = found;
    return [{ code, uid: user.uid, user, tokenHash, ip, userAgent, via: "qr" as const }];
  });
  if (logins.length > 0) {
    const used = logins.map(({ code }) => code);
    sent(tx, tx.db.updateTable("qr_logins").set({ state: "used" }).where("code", "in", textList(used)).execute());
  }
  const made = await insertLogins(tx, logins);
  return inputs.map(({ tokenHash }) => ({ ok: true, value: made.get(tokenHash) }));
}

async function confirmedOf(tx: WriteTransaction, inputs: readonly Collection[]) {
  const rows = await tx.db
    .selectFrom("qr_logins")
    .leftJoin("logins", "logins.id", "scanned_by_login")
    .innerJoin("users", "users.uid", "scanned_by_uid")
    .select(["code", "secret_hash as secretHash", "qr_logins.ip", "qr_logins.user_agent as userAgent"])
    .select(USER_COLUMNS.map((column) => `users.${column}` as const))
    .where("code", "in", textList(inputs.map(({ code }) => code)))
    .where("state", "=", "confirmed")
    .where((eb) => livingCode(eb, tx.clockNow))
    .where("deleted_at", "is", null)
    .where("disabled_at", "is", null)
    .where((eb) => eb.not(eb.exists(eb.selectFrom("bans").select("bans.id").whereRef("bans.uid", "=", "users.uid"))))
    .where((eb) =>
      eb.or([
        eb("logins.id", "is not", null),
        // A login without a row, whose person was not signed out everywhere since the code was made.
        eb("scanned_by_product_login", "is not", null).and(
          eb.or([eb("tokens_not_before", "is", null), eb("tokens_not_before", "<", eb.ref("qr_logins.requested_at"))]),
        ),
      ]),
    )
    .execute();
  return new Map(
    rows.map(({ code, secretHash, ip, userAgent, ...user }) => [
      code,
      { secretHash, ip, userAgent, user: userOf(user) },
    ]),
  );
}

/** Removes a bounded number of codes that expired a while ago, or that were made while the clock was far ahead. Returns whether there may be more. */
export async function removeExpiredQrCodes(tx: WriteTransaction): Promise<boolean> {
  const old = tx.db
    .selectFrom("qr_logins")
    .select("code")
    .where((eb) =>
      eb.or([eb("expires_at", "<", tx.clockNow - KEPT_MS), eb("requested_at", ">", tx.clockNow + KEPT_MS)]),
    )
    .limit(REMOVED_AT_ONCE);
  const removed = await tx.db.deleteFrom("qr_logins").where("code", "in", old).returning("code").execute();
  return removed.length === REMOVED_AT_ONCE;
}
