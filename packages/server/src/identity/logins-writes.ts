import type { User } from "@parley/protocol";
import { inList } from "../db/dialect.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { Internal, internalEvent } from "../event-log/internal-events.ts";
import { ProblemError } from "../lib/problem.ts";
import { USER_COLUMNS, userOf } from "./users.ts";

/** How long a login lives without a refresh. */
export const LOGIN_LIFETIME_MS = 30 * 24 * 3_600_000;
/** How long the token before a refresh still holds. */
const PREVIOUS_TOKEN_MS = 5 * 60_000;
/** Devices of one account. One more signs out the one that was not seen for longest. */
export const LOGINS_PER_USER = 100;

export interface NewLogin {
  readonly uid: number;
  readonly tokenHash: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly via: "password" | "qr";
}

export interface MadeLogin {
  readonly user: User;
  readonly loginId: number;
  readonly expiresAt: number;
}

/** Makes a login inside another write. @throws ProblemError `unauthorized` when the account was deleted meanwhile */
export async function insertLogin(tx: WriteTransaction, login: NewLogin): Promise<MadeLogin> {
  const { uid } = login;
  const { now } = tx;
  const row = await tx.db
    .updateTable("users")
    .set({ last_seen_at: now })
    .where("uid", "=", uid)
    .where("deleted_at", "is", null)
    .returning(USER_COLUMNS)
    .executeTakeFirst();
  if (!row) throw new ProblemError("unauthorized");
  await endOldest(tx, uid);
  const expiresAt = now + LOGIN_LIFETIME_MS;
  const { id } = await tx.db
    .insertInto("logins")
    .values({
      uid,
      token_hash: login.tokenHash,
      previous_hash: null,
      previous_until: null,
      created_at: now,
      last_seen_at: now,
      expires_at: expiresAt,
      ip: login.ip,
      user_agent: login.userAgent,
      via: login.via,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return { user: userOf(row), loginId: id, expiresAt };
}

/** Where the user has as many logins as they may, ends the one that was not seen for longest. */
async function endOldest(tx: WriteTransaction, uid: number): Promise<void> {
  const tooMany = await tx.db
    .selectFrom("logins")
    .select("id")
    .where("uid", "=", uid)
    .orderBy("last_seen_at", "desc")
    .orderBy("id", "desc")
    .limit(LOGINS_PER_USER)
    .offset(LOGINS_PER_USER - 1)
    .execute();
  if (tooMany.length > 0) await revokeLogins(tx, { uid, loginIds: tooMany.map((row) => row.id) });
}

/**
 * Ends logins inside another write: those named, or all of the user. Their connections are closed by the event.
 * @returns the ids of those that ended
 */
export async function revokeLogins(
  tx: WriteTransaction,
  { uid, loginIds }: { uid: number; loginIds?: readonly number[] },
): Promise<number[]> {
  const ended = await tx.db
    .deleteFrom("logins")
    .where("uid", "=", uid)
    .$if(loginIds !== undefined, (query) => query.where("id", "in", inList(loginIds ?? [])))
    .returning("id")
    .execute();
  const ids = ended.map((row) => row.id);
  if (ids.length > 0) await append(tx, [internalEvent(Internal.LOGINS_REVOKED, { loginIds: ids })]);
  return ids;
}

/** A login of an account that is there. @throws ProblemError `unauthorized` when it was deleted meanwhile */
export function createLogin(tx: WriteTransaction, login: NewLogin): Promise<MadeLogin> {
  return insertLogin(tx, login);
}

/**
 * A new token for the login that the presented one belongs to. The presented token holds for five more minutes, counted
 * from its first refresh: whoever lost the reply asks again with it, and then the token of the lost reply ends.
 * @throws ProblemError `unauthorized`
 */
export async function refreshLogin(
  tx: WriteTransaction,
  input: { presentedHash: string; tokenHash: string },
): Promise<MadeLogin> {
  const { presentedHash } = input;
  const { now } = tx;
  const row = await tx.db
    .selectFrom("logins")
    .innerJoin("users", "users.uid", "logins.uid")
    .select(["logins.id", "users.uid", "name", "avatar", "power", "users.created_at", "token_hash", "previous_until"])
    .where((eb) => eb.or([eb("token_hash", "=", presentedHash), eb("previous_hash", "=", presentedHash)]))
    .where("expires_at", ">", now)
    .executeTakeFirst();
  if (!row) throw new ProblemError("unauthorized");
  const first = row.token_hash === presentedHash;
  const previousUntil = first ? now + PREVIOUS_TOKEN_MS : (row.previous_until ?? 0);
  if (previousUntil <= now) throw new ProblemError("unauthorized");
  const expiresAt = now + LOGIN_LIFETIME_MS;
  await tx.db
    .updateTable("logins")
    .set({
      token_hash: input.tokenHash,
      previous_hash: presentedHash,
      previous_until: previousUntil,
      expires_at: expiresAt,
      last_seen_at: now,
    })
    .where("id", "=", row.id)
    .execute();
  return { user: userOf(row), loginId: row.id, expiresAt };
}

/** Signs one device out. @throws ProblemError `not_found` when it is not one of the user's */
export async function revokeLogin(
  tx: WriteTransaction,
  { uid, loginId }: { uid: number; loginId: number },
): Promise<void> {
  const ended = await revokeLogins(tx, { uid, loginIds: [loginId] });
  if (ended.length === 0) throw new ProblemError("not_found");
}

/** Signs the user out everywhere. */
export async function revokeAllLogins(tx: WriteTransaction, { uid }: { uid: number }): Promise<void> {
  await revokeLogins(tx, { uid });
}
