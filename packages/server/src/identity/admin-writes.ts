import type { User } from "@parley/protocol";
import { noteAct, OPERATOR } from "../audit/audit-writes.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { accountCalled } from "./account-called.ts";
import { deleteAccount, insertUsers } from "./accounts-writes.ts";
import { Internal, internalEvent } from "./internal-events.ts";
import { endLoginsOf, endLoginsWithoutPassword } from "./logins-writes.ts";

/** An account without a login. @throws ProblemError `name_taken` */
export async function addUser(
  tx: WriteTransaction,
  input: { name: string; passwordHash: string; power: 0 | 1 },
): Promise<User> {
  const [made] = await insertUsers(tx, [{ ...input, ip: "" }]);
  if (!made?.ok) throw made?.error ?? new Error("no account was made");
  await noteAct(tx, OPERATOR, { act: "user.add", target: `${made.value.uid}`, after: { power: input.power } });
  return made.value;
}

/** What the operator's work on an account answers. */
export interface Changed {
  readonly uid: number;
}

/** Changes what is given; a new password ends all logins, and new power those that needed none. @throws ProblemError `unknown_user`, `invalid` */
export async function setUser(
  tx: WriteTransaction,
  { name, passwordHash, power }: { name: string; passwordHash?: string; power?: 0 | 1 },
): Promise<Changed> {
  const { uid, power: before, externalId } = await accountCalled(tx.db, name);
  if (passwordHash !== undefined && externalId !== null) {
    throw new ProblemError("invalid", "A person with an external id signs in by the product, without a password");
  }
  await noteAct(tx, OPERATOR, {
    act: "user.set",
    target: `${uid}`,
    ...(power !== undefined && { before: { power: before } }),
    after: { ...(power !== undefined && { power }), ...(passwordHash !== undefined && { newPassword: true }) },
  });
  sent(
    tx,
    tx.db
      .updateTable("users")
      .set({ updated_at: tx.now })
      .$if(passwordHash !== undefined, (query) => query.set({ password_hash: passwordHash ?? null }))
      .$if(power !== undefined, (query) => query.set({ power: power ?? 0 }))
      .where("uid", "=", uid)
      .execute(),
  );
  if (passwordHash !== undefined) await endLoginsOf(tx, [uid]);
  // Otherwise the new power would be that of every server key which has made itself a token for this account.
  else if (power === 1 && before === 0 && externalId === null) await endLoginsWithoutPassword(tx, uid);
  await append(tx, [internalEvent(Internal.USER_CHANGED, { uid })]);
  return { uid };
}

/**
 * Keeps a person out: their logins stay, and none of them may do anything. Tokens of the product's own that were made until now do
 * not count again when the account is enabled, since the product makes new ones. @throws ProblemError `unknown_user`
 */
export async function disableUser(tx: WriteTransaction, { name }: { name: string }): Promise<Changed> {
  const { uid } = await accountCalled(tx.db, name);
  await noteAct(tx, OPERATOR, { act: "user.disable", target: `${uid}` });
  sent(
    tx,
    tx.db
      .updateTable("users")
      .set({ disabled_at: tx.now, tokens_not_before: tx.clockNow })
      .where("uid", "=", uid)
      .where("disabled_at", "is", null)
      .execute(),
  );
  await append(tx, [internalEvent(Internal.ACCOUNT_DISABLED, { uid })]);
  return { uid };
}

/** Lets a person in again. No node remembers that an account is disabled, so there is nothing to tell. @throws ProblemError `unknown_user` */
export async function enableUser(tx: WriteTransaction, { name }: { name: string }): Promise<Changed> {
  const { uid } = await accountCalled(tx.db, name);
  await noteAct(tx, OPERATOR, { act: "user.enable", target: `${uid}` });
  sent(tx, tx.db.updateTable("users").set({ disabled_at: null }).where("uid", "=", uid).execute());
  return { uid };
}

/** Ends an account as its person would. @throws ProblemError `unknown_user`, `owner_cannot_leave` */
export async function deleteUser(tx: WriteTransaction, { name }: { name: string }): Promise<Changed> {
  const { uid } = await accountCalled(tx.db, name);
  await deleteAccount(tx, { uid });
  await noteAct(tx, OPERATOR, { act: "user.delete", target: `${uid}` });
  return { uid };
}
