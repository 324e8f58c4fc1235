import { SYSTEM_UID, type User } from "@parley/protocol";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { insertUsers } from "./accounts-writes.ts";
import { Internal, internalEvent } from "./internal-events.ts";
import { endLoginsOf } from "./logins-writes.ts";
import { nameKey } from "./names.ts";

/** An account without a login. @throws ProblemError `name_taken` */
export async function addUser(
  tx: WriteTransaction,
  input: { name: string; passwordHash: string; power: 0 | 1 },
): Promise<User> {
  const [made] = await insertUsers(tx, [{ ...input, ip: "" }]);
  if (!made?.ok) throw made?.error ?? new Error("no account was made");
  return made.value;
}

/** Changes what is given; a new password ends all logins. @throws ProblemError `unknown_user` */
export async function setUser(
  tx: WriteTransaction,
  { name, passwordHash, power }: { name: string; passwordHash?: string; power?: 0 | 1 },
): Promise<{ uid: number }> {
  const row = await tx.db
    .updateTable("users")
    .set({ updated_at: tx.now })
    .$if(passwordHash !== undefined, (query) => query.set({ password_hash: passwordHash ?? null }))
    .$if(power !== undefined, (query) => query.set({ power: power ?? 0 }))
    .where("name_key", "=", nameKey(name))
    .where("uid", "!=", SYSTEM_UID)
    .returning("uid")
    .executeTakeFirst();
  if (!row) throw new ProblemError("unknown_user");
  if (passwordHash !== undefined) await endLoginsOf(tx, [row.uid]);
  await append(tx, [internalEvent(Internal.USER_CHANGED, { uid: row.uid })]);
  return row;
}
