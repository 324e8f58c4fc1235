import type { WriteTransaction } from "../db/transaction.ts";
import type { LoginId } from "../lib/login-id.ts";
import { ProblemError } from "../lib/problem.ts";
import { endLoginsOf } from "./logins-writes.ts";

export interface PasswordChange {
  readonly uid: number;
  /** The hash that the given password was compared with: if two changes come at once, the second one finds another. */
  readonly before: string;
  readonly passwordHash: string;
  /** All logins except this one end; undefined: none does. */
  readonly keptLogin: LoginId | undefined;
}

/** A new password. @throws ProblemError `password_wrong` if it was changed meanwhile */
export async function changePassword(
  tx: WriteTransaction,
  { uid, before, passwordHash, keptLogin }: PasswordChange,
): Promise<void> {
  const row = await tx.db
    .updateTable("users")
    .set({ password_hash: passwordHash, updated_at: tx.now })
    .where("uid", "=", uid)
    .where("password_hash", "=", before)
    .returning("uid")
    .executeTakeFirst();
  if (!row) throw new ProblemError("password_wrong");
  if (keptLogin !== undefined) await endLoginsOf(tx, [uid], keptLogin);
}
