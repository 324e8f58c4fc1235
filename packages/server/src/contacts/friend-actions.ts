import { readSnapshot } from "../event-log/snapshot.ts";
import type { Actor } from "../rooms/rooms.ts";
import type { ContactsContext } from "./contacts-context.ts";
import { type FriendView, friendPage } from "./friend-list.ts";
import * as procedures from "./friend-writes.ts";

/** The actor's friends, by uid, with who of them is online. `after`: the last uid of the page before. */
export function listFriends(
  context: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  page: { after: number | undefined; limit: number },
): Promise<{ items: FriendView[]; nextCursor: string | null; asOf: string }> {
  const { presence } = context;
  return readSnapshot(context, async ({ db, asOf }) => ({
    ...(await friendPage(db, uid, { ...page, presence })),
    asOf,
  }));
}

/** Calls a friend by another name, for the actor alone; empty: by their own. @throws ProblemError `not_found`, `rate_limited` */
export async function setRemark(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  change: { friendUid: number; remark: string },
): Promise<void> {
  rates.contactChanges.take(uid);
  return writes.run(procedures.setRemark, { uid, ...change });
}

/** Ends a friendship, for both; nothing changes for people who are not friends. @throws ProblemError `rate_limited`, `overloaded` */
export async function removeFriend(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  friendUid: number,
): Promise<void> {
  rates.contactChanges.take(uid);
  return writes.run(procedures.removeFriend, { uid, friendUid });
}
