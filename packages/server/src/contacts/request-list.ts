import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { cut } from "../rooms/page.ts";
import { type RequestRow, type RequestView, viewOf } from "./request-rows.ts";

/** A request with the other person's name. */
export interface ListedRequest extends RequestView {
  readonly name: string;
  readonly avatar: string;
}

/**
 * The requests that somebody has made and received, newest first. Each direction has its own index, so a page costs the same however many
 * requests there are.
 * @param page.before the last id of the previous page
 */
export async function requestPage(
  db: Kysely<Schema>,
  uid: number,
  { before = Number.MAX_SAFE_INTEGER, limit }: { before: number | undefined; limit: number },
): Promise<{ items: ListedRequest[]; nextCursor: string | null }> {
  const page = { before, limit: limit + 1 };
  const made = await rowsOf(db, { own: "from_uid", other: "to_uid" }, { uid, ...page });
  const got = await rowsOf(db, { own: "to_uid", other: "from_uid" }, { uid, ...page });
  const rows = [...made, ...got].sort((a, b) => b.id - a.id);
  const items = rows.map(({ name, avatar, ...row }) => ({ ...viewOf(row as RequestRow, uid), name, avatar }));
  return cut(items, limit, (last) => last.id);
}

function rowsOf(
  db: Kysely<Schema>,
  { own, other }: { own: "from_uid" | "to_uid"; other: "from_uid" | "to_uid" },
  { uid, before, limit }: { uid: number; before: number; limit: number },
) {
  return db
    .selectFrom("friend_requests")
    .innerJoin("users", "users.uid", `friend_requests.${other}`)
    .selectAll("friend_requests")
    .select(["users.name", "users.avatar"])
    .where(`friend_requests.${own}`, "=", uid)
    .where("friend_requests.id", "<", before)
    .$if(own === "to_uid", (query) => query.where("friend_requests.hidden", "=", 0))
    .orderBy("friend_requests.id", "desc")
    .limit(limit)
    .execute();
}
