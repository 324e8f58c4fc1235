import { LIMITS } from "@parley/protocol";
import type { Kysely } from "kysely";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";

/** Every room of these users that is small enough for presence. One query. */
export function smallRoomsOf(db: Kysely<Schema>, uids: readonly number[]): Promise<{ roomId: number; uid: number }[]> {
  return db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .select(["members.room_id as roomId", "members.uid"])
    .where("members.uid", "in", numberList(uids))
    .where("members.left_seq", "is", null)
    .where("rooms.dissolved_seq", "is", null)
    .where("rooms.member_count", "<=", LIMITS.presenceRoomMembers)
    .execute();
}

/** Those of these rooms that have at most this many members and are not dissolved. One query. */
export async function roomsOfAtMost(
  db: Kysely<Schema>,
  members: number,
  roomIds: readonly number[],
): Promise<number[]> {
  if (roomIds.length === 0) return [];
  const rows = await db
    .selectFrom("rooms")
    .select("id")
    .where("id", "in", numberList(roomIds))
    .where("member_count", "<=", members)
    .where("dissolved_seq", "is", null)
    .execute();
  return rows.map(({ id }) => id);
}

/** Members of a room now; 0 0 for the hall, which has no rows, and for an unknown room. */
export async function memberCountOf(db: Kysely<Schema>, roomId: number): Promise<number> {
  const row = await db.selectFrom("rooms").select("member_count").where("id", "=", roomId).executeTakeFirst();
  return row?.member_count ?? 0;
}
