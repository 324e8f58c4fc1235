import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import type { Presence, ShownState } from "../presence/presence.ts";
import { cut } from "../rooms/page.ts";
import { statesFor } from "../rooms/shown-presence.ts";

export interface FriendView extends ShownState {
  readonly name: string;
  readonly avatar: string;
  /** What the person calls them; empty: by their own name. */
  readonly remark: string;
  /** The direct room of both. */
  readonly roomId: number;
}

/** Somebody's friends, by uid. @param page.after the last uid of the previous page */
export async function friendPage(
  db: Kysely<Schema>,
  uid: number,
  page: { after: number | undefined; limit: number; presence: Pick<Presence, "stateOf"> },
): Promise<{ items: FriendView[]; nextCursor: string | null }> {
  const rows = await db
    .selectFrom("friends")
    .innerJoin("users", "users.uid", "friends.friend_uid")
    .select(["users.uid", "users.name", "users.avatar", "friends.remark", "friends.room_id as roomId"])
    .where("friends.uid", "=", uid)
    .where("friends.friend_uid", ">", page.after ?? 0)
    .orderBy("friends.friend_uid")
    .limit(page.limit + 1)
    .execute();
  const uids = rows.map((row) => row.uid);
  const stateOf = await statesFor({ db, presence: page.presence }, uid, uids);
  const items = rows.map((row) => ({ ...row, ...stateOf(row.uid) }));
  return cut(items, page.limit, (last) => last.uid);
}
