import type { BaseContext } from "../db/base-context.ts";
import { ProblemError } from "../lib/problem.ts";
import * as procedures from "./admin-writes.ts";
import { nameSchema } from "./names.ts";
import { type Passwords, passwordSchema } from "./passwords.ts";

/** What an operator does with accounts, on the command line, beside a server that may be running. */
export type AdminContext = Pick<BaseContext, "db" | "writes"> & { readonly passwords: Passwords };

/** Makes an account, also where registration is closed. @throws ProblemError `name_taken`, `invalid` */
export async function addAccount(
  context: AdminContext,
  { name, password, power }: { name: string; password: string; power: 0 | 1 },
): Promise<{ uid: number }> {
  const checked = parsed("name", nameSchema.safeParse(name));
  const passwordHash = await hashed(context, password);
  return context.writes.run(procedures.addUser, { name: checked, passwordHash, power });
}

/** Changes what is given; a new password signs the account out everywhere. @throws ProblemError `unknown_user`, `invalid` */
export async function setAccount(
  context: AdminContext,
  { name, password, power }: { name: string; password?: string; power?: 0 | 1 },
): Promise<{ uid: number }> {
  const changes = {
    ...(password === undefined ? {} : { passwordHash: await hashed(context, password) }),
    ...(power === undefined ? {} : { power }),
  };
  return context.writes.run(procedures.setUser, { name, ...changes });
}

/** By uid; the system's account too. */
export function listAccounts({ db }: AdminContext): Promise<{ uid: number; name: string; power: 0 | 1 }[]> {
  return db
    .selectFrom("users")
    .select(["uid", "name", "power"])
    .where("deleted_at", "is", null)
    .orderBy("uid")
    .execute();
}

function hashed({ passwords }: AdminContext, password: string): Promise<string> {
  return passwords.hash(parsed("password", passwordSchema.safeParse(password)));
}

type Checked<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: { readonly issues: readonly { readonly message: string }[] } };

function parsed<T>(what: string, result: Checked<T>): T {
  if (!result.success) throw new ProblemError("invalid", `The ${what} ${result.error.issues[0]?.message}`);
  return result.data;
}
