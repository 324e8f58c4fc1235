import type { User } from "@parley/protocol";
import { sql } from "kysely";
import { boundRows, numberList } from "../db/rows.ts";
import { acceptedOf, type Outcome, outcomeOf, sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { isOfProduct, type LoginId } from "../lib/login-id.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { BAN_COLUMNS, bannedProblem, banOf } from "./banned.ts";
import { Internal, internalEvent } from "./internal-events.ts";
import { addressMark } from "./known-requesters.ts";
import { noteKnown } from "./known-requesters-writes.ts";
import { USER_COLUMNS, userOf } from "./users.ts";

/** How long a login lives without a refresh. */
export const LOGIN_LIFETIME_MS = 30 * 24 * 3_600_000;
/** Devices of one account. One more signs out the one that was not seen for longest. */
export const LOGINS_PER_USER = CAPS.logins.count;

export interface NewLogin {
  readonly uid: number;
  /** Whose turn at the writer it takes, where that is not the person's. */
  readonly by?: string;
  readonly tokenHash: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly via: "password" | "qr" | "server";
  /** The hash that the given password was compared with. */
  readonly passwordHash?: string;
  /** How long it lives, where that is not `LOGIN_LIFETIME_MS`. */
  readonly lifetimeMs?: number;
}

export interface MadeLogin {
  readonly user: User;
  readonly loginId: number;
  readonly expiresAt: number;
}

/**
 * Logins of accounts that are there. Refused: `unauthorized`, `account_disabled` and `banned`, where that was done meanwhile; `unauthorized` also
 * where the password was changed meanwhile.
 */
export async function createLogin(tx: WriteTransaction, inputs: readonly NewLogin[]): Promise<Outcome<MadeLogin>[]> {
  const users = await usersThere(tx, inputs);
  const verdicts = inputs.map((input) =>
    outcomeOf(() => {
      const user = users.get(input.uid);
      if (!user || (input.passwordHash ?? user.passwordHash) !== user.passwordHash)
        throw new ProblemError("unauthorized");
      if (user.disabled) throw new ProblemError("account_disabled");
      if (user.ban) throw bannedProblem(user.ban);
      return { ...input, user: user.user };
    }),
  );
  const made = await insertLogins(tx, acceptedOf(verdicts));
  return verdicts.map((verdict, index) =>
    verdict.ok ? { ok: true, value: made.get((inputs[index] as NewLogin).tokenHash) as MadeLogin } : verdict,
  );
}

async function usersThere(tx: WriteTransaction, inputs: readonly NewLogin[]) {
  const rows = await tx.db
    .selectFrom("users")
    .leftJoin("bans", "bans.uid", "users.uid")
    .select([...USER_COLUMNS.map((column) => `users.${column}` as const), "disabled_at", ...BAN_COLUMNS])
    .select("password_hash as passwordHash")
    .where("users.uid", "in", numberList(inputs.map(({ uid }) => uid)))
    .where("deleted_at", "is", null)
    .execute();
  return new Map(
    rows.map(({ passwordHash, ...row }) => [
      row.uid,
      { user: userOf(row), passwordHash, disabled: row.disabled_at !== null, ban: banOf(row) },
    ]),
  );
}

/** Makes logins inside another write; of accounts that get more than they may, the oldest logins end. Returns them by the hash of their token. */
export async function insertLogins(
  tx: WriteTransaction,
  logins: readonly (NewLogin & { readonly user: User })[],
): Promise<Map<string, MadeLogin>> {
  if (logins.length === 0) return new Map();
  const { now } = tx;
  const endOf = ({ lifetimeMs = LOGIN_LIFETIME_MS }: NewLogin) => tx.clockNow + lifetimeMs;
  const uids = [...new Set(logins.map(({ uid }) => uid))];
  // A token that the product asked for says nothing of where its person is, or when they come.
  const here = logins.filter(({ via }) => via !== "server");
  await noteSeenNow(tx, here);
  const rows = logins.map((login) => [login.uid, login.tokenHash, login.ip, login.userAgent, login.via, endOf(login)]);
  const inserted = await tx.db
    .insertInto("logins")
    .columns(["uid", "token_hash", "ip", "user_agent", "via", "expires_at", "created_at", "last_seen_at"])
    .expression((eb) =>
      eb
        .selectFrom(boundRows(GIVEN, rows).as("made"))
        .selectAll("made")
        .select([sql.val(now).as("created_at"), sql.val(now).as("last_seen_at")]),
    )
    .returning(["id", "token_hash as tokenHash"])
    .execute();
  await endOldest(tx, uids);
  await noteKnown(
    tx,
    here.map(({ uid, ip }) => ({ uid, mark: addressMark(ip) })),
  );
  const ids = new Map(inserted.map(({ id, tokenHash }) => [tokenHash, id]));
  return new Map(
    logins.map((login) => {
      const { tokenHash, user } = login;
      return [tokenHash, { user, loginId: ids.get(tokenHash) as number, expiresAt: endOf(login) }];
    }),
  );
}

async function noteSeenNow(tx: WriteTransaction, logins: readonly NewLogin[]): Promise<void> {
  if (logins.length === 0) return;
  const uids = numberList([...new Set(logins.map(({ uid }) => uid))]);
  sent(tx, tx.db.updateTable("users").set({ last_seen_at: tx.now }).where("uid", "in", uids).execute());
}

const GIVEN = {
  uid: "number",
  token_hash: "text",
  ip: "text",
  user_agent: "text",
  via: "text",
  expires_at: "number",
} as const;

/** Where users have more logins than they may, ends those that were not seen for longest. */
async function endOldest(tx: WriteTransaction, uids: readonly number[]): Promise<void> {
  const tooMany = await tx.db
    .selectFrom((eb) =>
      eb
        .selectFrom("logins")
        .select([
          "id",
          sql<number>`row_number() over (partition by uid order by last_seen_at desc, id desc)`.as("place"),
        ])
        .where("uid", "in", numberList(uids))
        .as("placed"),
    )
    .select("id")
    .where("place", ">", LOGINS_PER_USER)
    .execute();
  await endLogins(
    tx,
    tooMany.map(({ id }) => id),
  );
}

/** Ends logins inside another write. Their connections are closed by the event, which there is one of for each user. */
export async function endLogins(tx: WriteTransaction, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  const ended = await tx.db.deleteFrom("logins").where("id", "in", numberList(ids)).returning(["id", "uid"]).execute();
  const idsByUid = new Map<number, number[]>();
  for (const { id, uid } of ended) idsByUid.set(uid, [...(idsByUid.get(uid) ?? []), id]);
  const drafts = [...idsByUid.values()].map((loginIds) => internalEvent(Internal.LOGINS_REVOKED, { loginIds }));
  await append(tx, drafts);
}

/** Ends all logins of users, but for `kept`, inside another write; those that tokens of the product's own have made too. */
export async function endLoginsOf(tx: WriteTransaction, uids: readonly number[], kept: LoginId = 0): Promise<void> {
  const rows = await tx.db
    .selectFrom("logins")
    .select("id")
    .where("uid", "in", numberList(uids))
    .where("id", "!=", isOfProduct(kept) ? 0 : kept)
    .execute();
  await endLogins(
    tx,
    rows.map(({ id }) => id),
  );
  await endProductLogins(tx, uids);
}

/**
 * Ends the logins of an account that needed no password: those that server keys have made, and those by QR code, which such a login may
 * have confirmed.
 */
export async function endLoginsWithoutPassword(tx: WriteTransaction, uid: number): Promise<void> {
  const rows = await tx.db
    .selectFrom("logins")
    .select("id")
    .where("uid", "=", uid)
    .where("via", "!=", "password")
    .execute();
  await endLogins(
    tx,
    rows.map(({ id }) => id),
  );
}

/** These have no rows; the moment says which tokens are refused from now on. */
async function endProductLogins(tx: WriteTransaction, uids: readonly number[]): Promise<void> {
  const ended = await tx.db
    .updateTable("users")
    .set({ tokens_not_before: tx.clockNow })
    .where("uid", "in", numberList(uids))
    .where("external_id", "is not", null)
    .returning("uid")
    .execute();
  await append(
    tx,
    ended.map(({ uid }) => internalEvent(Internal.PRODUCT_LOGINS_ENDED, { uid })),
  );
}

/** One of a user's logins. */
export interface OwnLogin {
  readonly uid: number;
  readonly loginId: number;
}

/** Signs devices out. Refused: `not_found` for one that is not the user's, or has ended. */
export async function revokeLogin(tx: WriteTransaction, inputs: readonly OwnLogin[]): Promise<Outcome<void>[]> {
  const uids = await ownersOf(tx, inputs);
  const outcomes = inputs.map(({ uid, loginId }) =>
    outcomeOf(() => {
      if (uids.get(loginId) !== uid) throw new ProblemError("not_found");
      uids.delete(loginId);
      return loginId;
    }),
  );
  await endLogins(tx, acceptedOf(outcomes));
  return outcomes.map((outcome) => (outcome.ok ? { ok: true, value: undefined } : outcome));
}

/** Ends logins that were collected for nobody. One that has ended already stays so. */
export async function discardLogin(tx: WriteTransaction, inputs: readonly OwnLogin[]): Promise<Outcome<void>[]> {
  const uids = await ownersOf(tx, inputs);
  const own = inputs.filter(({ uid, loginId }) => uids.get(loginId) === uid);
  await endLogins(
    tx,
    own.map(({ loginId }) => loginId),
  );
  return inputs.map(() => ({ ok: true, value: undefined }));
}

/** Signs users out everywhere. */
export async function revokeAllLogins(
  tx: WriteTransaction,
  inputs: readonly { uid: number; by?: string }[],
): Promise<Outcome<void>[]> {
  await endLoginsOf(
    tx,
    inputs.map(({ uid }) => uid),
  );
  return inputs.map(() => ({ ok: true, value: undefined }));
}

async function ownersOf(tx: WriteTransaction, inputs: readonly OwnLogin[]): Promise<Map<number, number>> {
  const ids = inputs.map(({ loginId }) => loginId);
  const rows = await tx.db.selectFrom("logins").select(["id", "uid"]).where("id", "in", numberList(ids)).execute();
  return new Map(rows.map(({ id, uid }) => [id, uid]));
}
