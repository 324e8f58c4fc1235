import { LIMITS } from "@parley/protocol";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { Internal, internalEvent } from "../event-log/internal-events.ts";
import { ProblemError } from "../lib/problem.ts";
import { sameSecret } from "../lib/same-secret.ts";
import { insertLogin, type MadeLogin, revokeLogins } from "./logins-writes.ts";

/** How long a confirmed code waits for its requester to collect the login, at least. */
const COLLECT_WITHIN_MS = 30_000;
/** How long an expired code is kept, so that its requester reads `expired` rather than 404. */
const KEPT_MS = 10 * 60_000;
/** Rows removed at once; a large delete would hold up the sends that wait behind it. */
const REMOVED_AT_ONCE = 100;

export interface NewQrCode {
  readonly code: string;
  readonly secretHash: string;
  readonly ip: string;
  readonly userAgent: string;
}

export async function createQrCode(tx: WriteTransaction, input: NewQrCode): Promise<{ expiresAt: number }> {
  const expiresAt = tx.now + LIMITS.qrLifetimeMs;
  await tx.db
    .insertInto("qr_logins")
    .values({
      code: input.code,
      secret_hash: input.secretHash,
      state: "pending",
      ip: input.ip,
      user_agent: input.userAgent,
      requested_at: tx.now,
      expires_at: expiresAt,
      scanned_by_login: null,
      scanned_by_uid: null,
    })
    .execute();
  return { expiresAt };
}

/** What a phone's login does with a code. */
export interface QrAct {
  readonly code: string;
  readonly loginId: number;
  readonly uid: number;
}

/** Who wants to be signed in: shown on the phone before it confirms. */
export interface QrRequester {
  readonly ip: string;
  readonly userAgent: string;
  readonly requestedAt: number;
}

/**
 * Binds the code to the login that scans it; the same login may repeat it.
 * @throws ProblemError `not_found` (unknown, expired), `qr_taken` (another login has it), `qr_state` (rejected, used)
 */
export async function scanQrCode(tx: WriteTransaction, act: QrAct): Promise<QrRequester> {
  const row = await codeFor(tx, act);
  if (row.state === "rejected" || row.state === "used") throw new ProblemError("qr_state");
  if (row.state === "pending") {
    await tx.db
      .updateTable("qr_logins")
      .set({ state: "scanned", scanned_by_login: act.loginId, scanned_by_uid: act.uid })
      .where("code", "=", act.code)
      .execute();
    await tell(tx, act, "scanned");
  }
  return { ip: row.ip, userAgent: row.user_agent, requestedAt: row.requested_at };
}

/**
 * Lets the requester in. Repeating it does nothing, also when the login was collected meanwhile: the phone may have
 * lost the reply.
 * @throws ProblemError like `scanQrCode`; `qr_state` when it was not scanned, or rejected
 */
export async function confirmQrCode(tx: WriteTransaction, act: QrAct): Promise<void> {
  const row = await codeFor(tx, act);
  if (row.state === "confirmed" || row.state === "used") return;
  if (row.state !== "scanned") throw new ProblemError("qr_state");
  await tx.db
    .updateTable("qr_logins")
    .set({ state: "confirmed", expires_at: Math.max(row.expires_at, tx.now + COLLECT_WITHIN_MS) })
    .where("code", "=", act.code)
    .execute();
  await tell(tx, act, "confirmed");
}

/**
 * Turns the requester away. Repeating it does nothing.
 * @throws ProblemError like `confirmQrCode`; `qr_state` once confirmed
 */
export async function rejectQrCode(tx: WriteTransaction, act: QrAct): Promise<void> {
  const row = await codeFor(tx, act);
  if (row.state === "rejected") return;
  if (row.state !== "scanned") throw new ProblemError("qr_state");
  await tx.db.updateTable("qr_logins").set({ state: "rejected" }).where("code", "=", act.code).execute();
  await tell(tx, act, "rejected");
}

/**
 * Makes the login that was confirmed, once: the state changes in the same transaction, so of two who ask exactly one
 * gets it. Undefined when there is nothing to collect (any more), the secret is wrong, or the confirming login or
 * account ended meanwhile.
 */
export async function collectQrLogin(
  tx: WriteTransaction,
  input: { code: string; secretHash: string; tokenHash: string },
) {
  const { code } = input;
  const row = await tx.db
    .selectFrom("qr_logins")
    .innerJoin("logins", "logins.id", "scanned_by_login")
    .innerJoin("users", "users.uid", "scanned_by_uid")
    .select(["secret_hash", "users.uid", "qr_logins.ip", "qr_logins.user_agent"])
    .where("code", "=", code)
    .where("state", "=", "confirmed")
    .where("qr_logins.expires_at", ">", tx.now)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (!row || !sameSecret(input.secretHash, row.secret_hash)) return undefined;
  const { numUpdatedRows } = await tx.db
    .updateTable("qr_logins")
    .set({ state: "used" })
    .where("code", "=", code)
    .where("state", "=", "confirmed")
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return undefined;
  const login = { uid: row.uid, tokenHash: input.tokenHash, ip: row.ip, userAgent: row.user_agent };
  return insertLogin(tx, { ...login, via: "qr" }) satisfies Promise<MadeLogin>;
}

/** Ends a login that was collected for nobody. One that has ended already stays so. */
export async function discardQrLogin(
  tx: WriteTransaction,
  { uid, loginId }: { uid: number; loginId: number },
): Promise<void> {
  await revokeLogins(tx, { uid, loginIds: [loginId] });
}

/** Removes codes that expired a while ago, a bounded number. */
export async function removeExpiredQrCodes(tx: WriteTransaction): Promise<void> {
  const old = tx.db
    .selectFrom("qr_logins")
    .select("code")
    .where("expires_at", "<", tx.now - KEPT_MS)
    .limit(REMOVED_AT_ONCE);
  await tx.db.deleteFrom("qr_logins").where("code", "in", old).execute();
}

async function codeFor(tx: WriteTransaction, act: QrAct) {
  const row = await tx.db
    .selectFrom("qr_logins")
    .select(["state", "ip", "user_agent", "requested_at", "expires_at", "scanned_by_login"])
    .where("code", "=", act.code)
    .where("expires_at", ">", tx.now)
    .executeTakeFirst();
  if (!row) throw new ProblemError("not_found");
  if (row.scanned_by_login !== null && row.scanned_by_login !== act.loginId) throw new ProblemError("qr_taken");
  return row;
}

async function tell(tx: WriteTransaction, act: QrAct, state: "scanned" | "confirmed" | "rejected"): Promise<void> {
  await append(tx, [internalEvent(Internal.QR_CHANGED, { code: act.code, state })]);
}
