import type { Kysely } from "kysely";
import type { FriendRequestsTable } from "../db/contact-tables.ts";
import type { Schema } from "../db/schema.ts";

/** A friend request as it is stored. */
export type RequestRow = Omit<FriendRequestsTable, "id"> & { id: number };

export const REQUEST_COLUMNS = [
  "id",
  "from_uid",
  "to_uid",
  "text",
  "state",
  "hidden",
  "read",
  "created_at",
  "answered_at",
] as const;

/** What an open request is to the person who was asked, or who asks. */
export type Direction = "in" | "out";

/** A request as one of the two people sees it. */
export interface RequestView {
  readonly id: number;
  /** The other person. */
  readonly uid: number;
  readonly direction: Direction;
  readonly text: string;
  readonly state: FriendRequestsTable["state"];
  /** Whether the person who was asked has read or answered it; null for the one who asks, who does not learn it. */
  readonly read: boolean | null;
  readonly createdAt: number;
}

/** @param uid of the one of the two who sees it */
export function viewOf(row: RequestRow, uid: number): RequestView {
  const isMine = row.from_uid === uid;
  return {
    id: row.id,
    uid: isMine ? row.to_uid : row.from_uid,
    direction: isMine ? "out" : "in",
    text: row.text,
    state: row.state,
    read: isMine ? null : row.read === 1 || row.state !== "open",
    createdAt: row.created_at,
  };
}

/** One query; whether the caller may see the request is theirs to decide. */
export function requestById(db: Kysely<Schema>, id: number): Promise<RequestRow | undefined> {
  return db.selectFrom("friend_requests").selectAll().where("id", "=", id).executeTakeFirst();
}
