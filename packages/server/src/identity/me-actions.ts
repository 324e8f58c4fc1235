import type { User } from "@parley/protocol";
import { readSnapshot } from "../event-log/snapshot.ts";
import type { Login } from "../http/login.ts";
import { ProblemError } from "../lib/problem.ts";
import * as procedures from "./accounts-writes.ts";
import { refuseCommonPassword } from "./common-passwords.ts";
import { exportAccount, exportMarks, exportMessages } from "./export.ts";
import { exportContacts, exportRequests } from "./export-contacts.ts";
import { exportNotices } from "./export-notices.ts";
import type { IdentityContext } from "./identity-context.ts";
import { checkOwnPassword } from "./own-password.ts";
import * as passwordWrites from "./password-writes.ts";
import * as profile from "./profile-writes.ts";
import { findUser } from "./users.ts";

/** What people do with their own account. */

export async function getMe({ db, epoch }: IdentityContext, { uid }: Login): Promise<User & { asOf: string }> {
  const me = await readSnapshot({ db, epoch }, async ({ db: snapshot, asOf }) => ({
    user: await findUser(snapshot, uid),
    asOf,
  }));
  // A login ends with its account; only a request that was in progress at that moment gets here.
  if (!me.user) throw new ProblemError("unauthorized");
  return { ...me.user, asOf: me.asOf };
}

/** Changes the given fields. @throws ProblemError `name_taken` */
export async function changeProfile(
  { writes, rates }: IdentityContext,
  { uid }: Login,
  changes: { name?: string; avatar?: string },
): Promise<User> {
  rates.profileChanges.take(uid);
  return writes.run(profile.changeProfile, { uid, ...changes });
}

/**
 * Sets a new password, for somebody who knows the present one. @throws ProblemError `password_wrong`, also if the account has none;
 * `password_too_common`, `rate_limited`, `overloaded`
 */
export async function changePassword(
  context: IdentityContext,
  actor: Login,
  change: { password: string; newPassword: string; endOtherLogins: boolean },
): Promise<void> {
  const { passwords, rates, writes } = context;
  rates.profileChanges.take(actor.uid);
  const { name, hash } = await checkOwnPassword(context, actor, change.password);
  if (hash === null) throw new ProblemError("password_wrong", "This account has no password");
  await refuseCommonPassword(change.newPassword, name);
  const passwordHash = await passwords.hash(change.newPassword, { known: true });
  const keptLogin = change.endOtherLogins ? actor.loginId : undefined;
  await writes.run(passwordWrites.changePassword, { uid: actor.uid, before: hash, passwordHash, keptLogin });
}

/**
 * Ends the account at once and for good.
 * @throws ProblemError `password_wrong` without the password of an account that has one, `owner_cannot_leave`
 */
export async function deleteAccount(
  context: IdentityContext,
  actor: Login,
  { password }: { password: string | undefined },
): Promise<void> {
  context.rates.profileChanges.take(actor.uid);
  await checkOwnPassword(context, actor, password);
  await context.writes.run(procedures.deleteAccount, { uid: actor.uid });
}

/** Where the pages of an export continue; undefined: at their beginning. */
export interface ExportPlaces {
  readonly after?: string | undefined;
  readonly afterMark?: number | undefined;
  readonly afterRequest?: number | undefined;
  readonly afterNotice?: number | undefined;
}

/** Everything stored about the actor, with a page of messages, one of marks, one of friend requests and one of notifications. */
export async function exportMe({ db }: IdentityContext, { uid }: Login, places: ExportPlaces) {
  const [account, contacts, messages, marks, friendRequests, notifications] = await Promise.all([
    exportAccount(db, uid),
    exportContacts(db, uid),
    exportMessages(db, uid, places.after),
    exportMarks(db, uid, places.afterMark),
    exportRequests(db, uid, places.afterRequest),
    exportNotices(db, uid, places.afterNotice),
  ]);
  return { ...account, ...contacts, messages, marks, friendRequests, notifications };
}
