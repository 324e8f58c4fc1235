import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { PER_PAGE } from "./export.ts";

/** Friends and blocks, which are bounded by caps. */
export async function exportContacts(db: Kysely<Schema>, uid: number) {
  const friends = await db
    .selectFrom("friends")
    .select(["friend_uid as uid", "remark", "since"])
    .where("uid", "=", uid)
    .orderBy("friend_uid")
    .execute();
  const blocks = await db
    .selectFrom("blocks")
    .select(["blocked_uid as uid", "since"])
    .where("uid", "=", uid)
    .orderBy("blocked_uid")
    .execute();
  return { friends, blocks };
}

export interface RequestPage {
  readonly items: {
    readonly id: number;
    readonly userId: number;
    readonly text: string;
    readonly state: "open" | "accepted" | "rejected";
    readonly createdAt: number;
  }[];
  readonly nextCursor: string | null;
}

/** A page of the friend requests that a person has made. @param after the number of a `nextCursor`; undefined for the first page */
export async function exportRequests(db: Kysely<Schema>, uid: number, after = 0): Promise<RequestPage> {
  const rows = await db
    .selectFrom("friend_requests")
    .select(["id", "to_uid as userId", "text", "state", "created_at as createdAt"])
    .where("from_uid", "=", uid)
    .where("id", ">", after)
    .orderBy("id")
    .limit(PER_PAGE + 1)
    .execute();
  const items = rows.slice(0, PER_PAGE);
  const last = rows.length > PER_PAGE ? items.at(-1) : undefined;
  return { items, nextCursor: last ? String(last.id) : null };
}
