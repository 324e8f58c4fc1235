import type { Login } from "../http/login.ts";
import { ProblemError } from "../lib/problem.ts";
import type { IdentityContext } from "./identity-context.ts";

type PasswordContext = Pick<IdentityContext, "db" | "passwords" | "rates">;

/** The password, which a person has to know to change or end an account. */
export interface OwnPassword {
  readonly name: string;
  /** Null: the account has none. */
  readonly hash: string | null;
}

/**
 * Lets the actor pass if they give the account's password, so that an unlocked device is not enough. If the account has none, the caller decides.
 * @throws ProblemError `password_wrong`, `rate_limited`, `overloaded`
 */
export async function checkOwnPassword(
  { db, passwords, rates }: PasswordContext,
  { uid }: Login,
  password: string | undefined,
): Promise<OwnPassword> {
  const account = await db
    .selectFrom("users")
    .select(["name", "password_hash as hash"])
    .where("uid", "=", uid)
    .executeTakeFirst();
  // A login ends with its account; only a request that was in progress at that moment gets here.
  if (!account) throw new ProblemError("unauthorized");
  if (account.hash === null) return account;
  if (password === undefined) throw new ProblemError("password_wrong", "The account's password must be given");
  const turn = { known: true, atTurn: () => rates.ownPasswords.take(uid) };
  if (!(await passwords.verify(password, account.hash, turn))) throw new ProblemError("password_wrong");
  return account;
}
