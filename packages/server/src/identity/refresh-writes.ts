import type { User } from "@parley/protocol";
import { boundRows, textList } from "../db/rows.ts";
import { acceptedOf, type Outcome, outcomeOf, sent, type WriteTransaction } from "../db/transaction.ts";
import { ProblemError } from "../lib/problem.ts";
import { LOGIN_LIFETIME_MS, type MadeLogin } from "./logins-writes.ts";
import { userOf } from "./users.ts";

/** How long the token before a refresh stays valid. */
const PREVIOUS_TOKEN_MS = 5 * 60_000;

export interface Refresh {
  readonly presentedHash: string;
  /** Of the new token; undefined: the presented one stays, and only the end is put off. */
  readonly tokenHash: string | undefined;
}

/** A login's tokens, as the refreshes so far leave them. */
interface Tokens {
  readonly loginId: number;
  readonly user: User;
  /** When it ends from now on. One that the product asked for keeps its end: how long that is was the product's to say. */
  readonly expiresAt: number;
  tokenHash: string;
  previousHash: string | null;
  /** 0 where there is no previous one. */
  previousUntil: number;
}

/**
 * A new token for the login that the presented one belongs to, or none, where only its end is put off. Where there is a new one, the presented token stays valid for five more minutes, counted
 * from its first refresh: a client that lost the reply asks again with it, and then the token of the lost reply ends.
 * Refused: `unauthorized`.
 */
export async function refreshLogin(tx: WriteTransaction, inputs: readonly Refresh[]): Promise<Outcome<MadeLogin>[]> {
  const logins = await loginsOf(tx, inputs);
  const outcomes = inputs.map((input) => outcomeOf(() => refreshed(logins, input, tx.clockNow)));
  const changed = new Map(acceptedOf(outcomes).map((login) => [login.loginId, login]));
  await store(tx, [...changed.values()]);
  return outcomes.map((outcome) => {
    if (!outcome.ok) return outcome;
    const { loginId, user, expiresAt } = outcome.value;
    return { ok: true, value: { user, loginId, expiresAt } };
  });
}

/** Those that have not expired, by the hash of each of their tokens. */
async function loginsOf(tx: WriteTransaction, inputs: readonly Refresh[]): Promise<Map<string, Tokens>> {
  const hashes = inputs.map(({ presentedHash }) => presentedHash);
  const rows = await tx.db
    .selectFrom("logins")
    .innerJoin("users", "users.uid", "logins.uid")
    .select(["logins.id", "users.uid", "name", "avatar", "power", "users.created_at"])
    .select(["token_hash", "previous_hash", "previous_until", "via", "expires_at"])
    .where((eb) => eb.or([eb("token_hash", "in", textList(hashes)), eb("previous_hash", "in", textList(hashes))]))
    .where("expires_at", ">", tx.clockNow)
    .execute();
  const byHash = new Map<string, Tokens>();
  for (const row of rows) {
    const login: Tokens = {
      loginId: row.id,
      user: userOf(row),
      expiresAt: row.via === "server" ? row.expires_at : tx.clockNow + LOGIN_LIFETIME_MS,
      tokenHash: row.token_hash,
      previousHash: row.previous_hash,
      previousUntil: row.previous_until ?? 0,
    };
    byHash.set(login.tokenHash, login);
    if (login.previousHash !== null) byHash.set(login.previousHash, login);
  }
  return byHash;
}

/** Moves the login of a token on, in what is known; nothing is read or stored. @throws ProblemError `unauthorized` */
function refreshed(logins: Map<string, Tokens>, { presentedHash, tokenHash }: Refresh, now: number): Tokens {
  const login = logins.get(presentedHash);
  if (!login) throw new ProblemError("unauthorized");
  const first = login.tokenHash === presentedHash;
  const until = first ? now + PREVIOUS_TOKEN_MS : login.previousUntil;
  if (until <= now) throw new ProblemError("unauthorized");
  if (tokenHash === undefined) return login;
  // Of the tokens that held so far, only the presented one goes on.
  const ends = first ? login.previousHash : login.tokenHash;
  if (ends !== null) logins.delete(ends);
  login.tokenHash = tokenHash;
  login.previousHash = presentedHash;
  login.previousUntil = until;
  logins.set(tokenHash, login);
  return login;
}

async function store(tx: WriteTransaction, logins: readonly Tokens[]): Promise<void> {
  if (logins.length === 0) return;
  const rows = boundRows(
    { id: "number", token: "text", previous: "text?", until: "number?", end: "number" },
    logins.map(({ loginId, tokenHash, previousHash, previousUntil, expiresAt }) => [
      loginId,
      tokenHash,
      previousHash,
      previousHash === null ? null : previousUntil,
      expiresAt,
    ]),
  );
  sent(
    tx,
    tx.db
      .updateTable("logins")
      .from(rows.as("refreshed"))
      .set((eb) => ({
        token_hash: eb.ref("refreshed.token"),
        previous_hash: eb.ref("refreshed.previous"),
        previous_until: eb.ref("refreshed.until"),
        expires_at: eb.ref("refreshed.end"),
        last_seen_at: tx.now,
      }))
      .whereRef("logins.id", "=", "refreshed.id")
      .execute(),
  );
}
