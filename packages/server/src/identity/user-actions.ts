import type { User } from "@parley/protocol";
import type { Login } from "../http/login.ts";
import { ProblemError } from "../lib/problem.ts";
import type { IdentityContext } from "./identity-context.ts";
import { findUser, findUsers, searchUsers, type UserPage } from "./users.ts";

/** Looking people up; anybody who is signed in may see anybody. */

/** A deleted account is called "Deleted user". @throws ProblemError `not_found` */
export async function getUser({ db }: IdentityContext, _actor: Login, uid: number): Promise<User> {
  const user = await findUser(db, uid);
  if (!user) throw new ProblemError("not_found");
  return user;
}

/** Those of the ids that exist, in the order asked. */
export async function listUsers({ db }: IdentityContext, _actor: Login, uids: readonly number[]): Promise<User[]> {
  const found = await findUsers(db, uids);
  return [...new Set(uids)].flatMap((uid) => found.get(uid) ?? []);
}

/** People whose names begin like `prefix`. `after`: the text of the previous page's cursor. */
export function findUsersByName(
  { db }: IdentityContext,
  _actor: Login,
  search: { prefix: string; after: string | undefined; limit: number },
): Promise<UserPage> {
  return searchUsers(db, search);
}
