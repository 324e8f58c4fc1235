import type { Login } from "../http/login.ts";
import { isOfProduct, type LoginId } from "../lib/login-id.ts";
import { ProblemError } from "../lib/problem.ts";
import type { IdentityContext } from "./identity-context.ts";
import * as requesters from "./known-requesters-writes.ts";
import type { Granted } from "./logins.ts";
import * as procedures from "./logins-writes.ts";
import * as refreshes from "./refresh-writes.ts";
import { hashOf, newToken } from "./tokens.ts";

/** What people do with their signed-in devices. */

/** When to ask again for what could not be stored. */
const STORED_AGAIN_MS = 10_000;

export interface Device {
  readonly id: number;
  readonly ip: string;
  readonly userAgent: string;
  readonly place: string | null;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly via: "password" | "qr" | "server";
  /** The one that asks. */
  readonly current: boolean;
}

/** The actor's devices, newest first. `before`: the last id of the page before. */
export async function listLogins(
  { db, clock }: IdentityContext,
  actor: Login,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<{ items: Device[]; nextCursor: string | null }> {
  const rows = await db
    .selectFrom("logins")
    .select(["id", "ip", "user_agent", "created_at", "last_seen_at", "expires_at", "via"])
    .where("uid", "=", actor.uid)
    .where("expires_at", ">", clock.now())
    .where("id", "<", before ?? Number.MAX_SAFE_INTEGER)
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const items = page.map((row) => ({
    id: row.id,
    ip: row.ip,
    userAgent: row.user_agent,
    place: null,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
    via: row.via,
    current: row.id === actor.loginId,
  }));
  return { items, nextCursor: rows.length > limit ? String(page.at(-1)?.id) : null };
}

/**
 * A new token for the login that a token belongs to, which also holds when it is the one before the newest (see the
 * procedure). @param presented.keep the token stays, and only the login's end is put off. @throws ProblemError `unauthorized`; `forbidden` for a login of the product's
 */
export async function refreshLogin(
  { writes, logins, rates }: Pick<IdentityContext, "writes" | "logins" | "rates">,
  { uid, loginId }: Pick<Login, "uid" | "loginId">,
  { presented, keep }: { presented: string; keep: boolean },
): Promise<Granted> {
  rates.loginChanges.take(uid);
  if (isOfProduct(loginId)) throw ofProduct("the next token comes from there");
  const token = keep ? presented : newToken();
  const input = { presentedHash: hashOf(presented), tokenHash: keep ? undefined : hashOf(token) };
  const made = await writes.run(refreshes.refreshLogin, input);
  logins.renewed(made.loginId);
  return { ...made, token };
}

/**
 * Signs one of the actor's devices out; its connections are closed.
 * @throws ProblemError `not_found`; `overloaded`, see below; `forbidden` for a login of the product's, whose token would go on
 */
export async function revokeLogin(context: IdentityContext, { uid }: Login, loginId: LoginId): Promise<void> {
  context.rates.loginChanges.take(uid);
  if (isOfProduct(loginId)) throw ofProduct("sign out there, or everywhere by DELETE /logins");
  const revoked = context.writes.run(procedures.revokeLogin, { uid, loginId });
  return orRefused(context, revoked, { uid, loginId });
}

/** Signs the actor's present device out. @throws ProblemError as `revokeLogin` does; `unauthorized` where it was signed out meanwhile */
export async function revokeCurrentLogin(context: IdentityContext, login: Login): Promise<void> {
  await revokeLogin(context, login, login.loginId).catch((error: unknown) => {
    throw error instanceof ProblemError && error.code === "not_found" ? new ProblemError("unauthorized") : error;
  });
}

/**
 * What could not be written, such as with the disk full, holds all the same: this node and the others refuse the logins from now on (`Logins.refuse`). The answer is
 * `overloaded`, since a restart would bring them back.
 */
async function orRefused(
  { db, logins }: IdentityContext,
  revoked: Promise<void>,
  { uid, loginId }: { uid: number; loginId?: number },
): Promise<void> {
  try {
    await revoked;
  } catch (error) {
    if (error instanceof ProblemError && error.status < 500) throw error;
    const own = await db.selectFrom("logins").select("id").where("uid", "=", uid).execute();
    const ids = own.map(({ id }) => id).filter((id) => loginId === undefined || id === loginId);
    if (ids.length === 0) throw error;
    logins.refuse(uid, ids);
    const said =
      "You are signed out, but that could not be stored yet. If the server restarts before it can write again, this login is back";
    throw new ProblemError("overloaded", said, { retryAfterMs: STORED_AGAIN_MS });
  }
}

/**
 * Called every few seconds: forgets from where people have signed in, once that is so long ago that it counts no longer.
 * @param atMost writes
 */
export async function forgetOldRequesters(
  { writes, isClockSettled }: Pick<IdentityContext, "writes" | "isClockSettled">,
  { atMost }: { atMost: number },
): Promise<void> {
  if (!isClockSettled()) return;
  for (let count = 0; count < atMost; count++) {
    if (!(await writes.run(requesters.removeOldKnown, undefined))) return;
  }
}

function ofProduct(whatToDo: string): ProblemError {
  return new ProblemError("forbidden", `This device is signed in with one of the product's own tokens: ${whatToDo}`);
}

/** Signs the actor out everywhere. @throws ProblemError `overloaded`, as `revokeLogin` does */
export async function revokeAllLogins(context: IdentityContext, { uid }: Login): Promise<void> {
  context.rates.loginChanges.take(uid);
  return orRefused(context, context.writes.run(procedures.revokeAllLogins, { uid }), { uid });
}
