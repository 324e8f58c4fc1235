/**
 * Identity: who somebody is and on which devices they are signed in. Accounts (this file has the two ways in), their names
 * and passwords, logins and their tokens, signing in by QR code, and the HTTP routes of all these.
 *
 * - A name is unique by its key (`names.ts`); the write that takes it decides, whatever was checked before.
 * - A token exists in clear only in the reply that grants it; stored, looked up and remembered is its hash.
 * - No answer tells whether an account exists but registering: a wrong name and a wrong password cost and say the same.
 * - A login that ends is forgotten here, and its connections are closed, by the same event of the internal stream.
 *
 * What people do is in `*-actions.ts` and here; every change is a write procedure (`*-writes.ts`). Must not import rooms, messages or any other feature.
 */
import { textList } from "../db/rows.ts";
import { ProblemError } from "../lib/problem.ts";
import { createAccount } from "./accounts-writes.ts";
import { type AdminActor, type Administrator, acting, countAct } from "./administrator.ts";
import { refuseCommonPassword } from "./common-passwords.ts";
import { attempts, counted, failures, forgive, take } from "./counted.ts";
import type { IdentityContext } from "./identity-context.ts";
import { isKnown } from "./known-requesters.ts";
import type { Granted } from "./logins.ts";
import { createLogin } from "./logins-writes.ts";
import { isReserved, nameKey, nameLooks } from "./names.ts";
import type { Requester } from "./requester.ts";
import { hashOf, newToken } from "./tokens.ts";

/** As their schemas return them. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/**
 * Makes an account and signs in to it.
 * @param account.by where registration is closed: the administrator who makes it, if it is one
 * @throws ProblemError `registration_closed`, `password_too_common`, `rate_limited`, `name_taken`, `overloaded`
 */
export async function register(
  context: IdentityContext,
  requester: Requester,
  { by, ...credentials }: Credentials & { by?: AdminActor | undefined },
): Promise<Granted> {
  const { registrationOpen, rates } = context;
  const { password, name } = credentials;
  if (registrationOpen) {
    await refuseCommonPassword(password, name);
    const counts = attempts(rates, requester.ip, { known: false });
    return counted(counts, () => makeAccount(context, requester, credentials));
  }
  if (by?.power !== 1) throw new ProblemError("registration_closed");
  await refuseCommonPassword(password, name);
  countAct(context, by);
  return makeAccount(context, requester, { ...credentials, maker: acting(by) });
}

async function makeAccount(
  context: IdentityContext,
  { ip, userAgent }: Requester,
  { name, password, maker }: Credentials & { maker?: Administrator },
): Promise<Granted> {
  // Spares the hash; two at the same moment are told apart by the write.
  if (await isNameTaken(context, name)) throw new ProblemError("name_taken");
  const passwordHash = await context.passwords.hash(password);
  const token = newToken();
  const account = { name, passwordHash, tokenHash: hashOf(token), ip, userAgent, ...(maker && { maker }) };
  return { ...(await context.writes.run(createAccount, account)), token };
}

/**
 * Signs in with name and password.
 * @throws ProblemError `unauthorized` for a wrong name or password alike, `account_disabled` and `banned` after the right password only,
 * `rate_limited`, `overloaded`
 */
export async function signIn(
  context: IdentityContext,
  requester: Requester,
  { name, password }: Credentials,
): Promise<Granted> {
  try {
    const granted = await signedIn(context, requester, { name, password });
    context.onSignIn("done");
    return granted;
  } catch (error) {
    context.onSignIn(error instanceof ProblemError && error.code === "unauthorized" ? "wrong" : "refused");
    throw error;
  }
}

async function signedIn(
  { rates, passwords, writes, ...context }: IdentityContext,
  requester: Requester,
  { name, password }: Credentials,
): Promise<Granted> {
  const { ip, userAgent } = requester;
  const key = nameKey(name);
  const account = await findAccount(context, key);
  const known = account !== undefined && (await isKnown(context, account.uid, requester));
  return counted(attempts(rates, ip, { known }), async () => {
    // Counted before the comparison and given back after a right one: many at once find no gap between looking and
    // counting.
    const failed = failures(rates, key, { ip, known });
    const turn = { known, atTurn: () => take(failed) };
    const right = await passwords.verify(password, account?.password_hash ?? null, turn);
    if (!account || !right) throw new ProblemError("unauthorized", "The name or the password is wrong");
    await forgive(failed);
    const token = newToken();
    const passwordHash = account.password_hash as string;
    const login = { uid: account.uid, tokenHash: hashOf(token), ip, userAgent, via: "password" as const, passwordHash };
    return { ...(await writes.run(createLogin, login)), token };
  });
}

/** By its looks too, which two names of one key share. */
async function isNameTaken({ db }: Pick<IdentityContext, "db">, name: string): Promise<boolean> {
  if (isReserved(name)) return true;
  const holder = db
    .selectFrom("name_looks")
    .select("uid")
    .where("look", "in", textList(nameLooks(name)))
    .limit(1);
  return (await holder.executeTakeFirst()) !== undefined;
}

function findAccount({ db }: Pick<IdentityContext, "db">, key: string) {
  return db.selectFrom("users").select(["uid", "password_hash"]).where("name_key", "=", key).executeTakeFirst();
}
