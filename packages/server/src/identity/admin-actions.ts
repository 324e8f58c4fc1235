import type { BaseContext } from "../db/base-context.ts";
import { ProblemError } from "../lib/problem.ts";
import { accountCalled } from "./account-called.ts";
import * as procedures from "./admin-writes.ts";
import { refuseCommonPassword } from "./common-passwords.ts";
import { nameSchema } from "./names.ts";
import { type Passwords, passwordSchema } from "./passwords.ts";

/** What an operator does with accounts, on the command line, beside a server that may be running. */
export type AdminContext = Pick<BaseContext, "db" | "writes"> & { readonly passwords: Passwords };

/** An account as the operator sees it. */
export interface ListedAccount {
  readonly uid: number;
  readonly name: string;
  readonly power: 0 | 1;
  readonly disabled: boolean;
  /** What the product calls this person; null: they are none of the product's. */
  readonly externalId: string | null;
}

/** One of an account's logins; times are epoch milliseconds. */
export interface ListedLogin {
  readonly id: number;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly ip: string;
  readonly userAgent: string;
  readonly via: "password" | "qr" | "server";
}

/** Makes an account, also where registration is closed. @throws ProblemError `name_taken`, `invalid`, `password_too_common` */
export async function addAccount(
  context: AdminContext,
  { name, password, power }: { name: string; password: string; power: 0 | 1 },
): Promise<{ uid: number }> {
  const checked = parsed("name", nameSchema.safeParse(name));
  const passwordHash = await hashed(context, checked, password);
  return context.writes.run(procedures.addUser, { name: checked, passwordHash, power });
}

/**
 * Changes what is given; a new password signs the account out everywhere.
 * @throws ProblemError `unknown_user`, `invalid`, `password_too_common`
 */
export async function setAccount(
  context: AdminContext,
  { name, password, power }: { name: string; password?: string; power?: 0 | 1 },
): Promise<{ uid: number }> {
  const changes = {
    ...(password === undefined ? {} : { passwordHash: await hashed(context, name, password) }),
    ...(power === undefined ? {} : { power }),
  };
  return context.writes.run(procedures.setUser, { name, ...changes });
}

/** Keeps a person out; their connections end within seconds. @throws ProblemError `unknown_user` */
export function disableAccount({ writes }: AdminContext, name: string): Promise<{ uid: number }> {
  return writes.run(procedures.disableUser, { name });
}

/** Lets a person in again, with the logins they had. @throws ProblemError `unknown_user` */
export function enableAccount({ writes }: AdminContext, name: string): Promise<{ uid: number }> {
  return writes.run(procedures.enableUser, { name });
}

/** Ends an account at once and for good. @throws ProblemError `unknown_user`, `owner_cannot_leave` */
export function removeAccount({ writes }: AdminContext, name: string): Promise<{ uid: number }> {
  return writes.run(procedures.deleteUser, { name });
}

/** By uid; the system's account too. */
export async function listAccounts({ db }: AdminContext): Promise<ListedAccount[]> {
  const rows = await db
    .selectFrom("users")
    .select(["uid", "name", "power", "disabled_at", "external_id as externalId"])
    .where("deleted_at", "is", null)
    .orderBy("uid")
    .execute();
  return rows.map(({ disabled_at, ...row }) => ({ ...row, disabled: disabled_at !== null }));
}

/** Newest first; one that has expired is there until it is cleared away. @throws ProblemError `unknown_user` */
export async function listLoginsOf({ db }: AdminContext, name: string): Promise<ListedLogin[]> {
  const { uid } = await accountCalled(db, name);
  return db
    .selectFrom("logins")
    .select(["id", "created_at as createdAt", "last_seen_at as lastSeenAt", "expires_at as expiresAt"])
    .select(["ip", "user_agent as userAgent", "via"])
    .where("uid", "=", uid)
    .orderBy("id", "desc")
    .execute();
}

async function hashed({ passwords }: AdminContext, name: string, password: string): Promise<string> {
  const checked = parsed("password", passwordSchema.safeParse(password));
  await refuseCommonPassword(checked, name);
  return passwords.hash(checked);
}

type Checked<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: { readonly issues: readonly { readonly message: string }[] } };

function parsed<T>(what: string, result: Checked<T>): T {
  if (!result.success) throw new ProblemError("invalid", `The ${what} ${result.error.issues[0]?.message}`);
  return result.data;
}
