import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";

/** Ids of groups that somebody owns. They are found by the person's memberships, which have an index; an owner is always a member. */
export async function ownedRooms(
  db: Kysely<Schema>,
  { uid, atMost }: { uid: number; atMost: number },
): Promise<number[]> {
  const rows = await db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .select("rooms.id")
    .where("members.uid", "=", uid)
    .where("members.untold", "=", 0)
    .where("rooms.owner_uid", "=", uid)
    .where("rooms.dissolved_at", "is", null)
    .orderBy("rooms.id")
    .limit(atMost)
    .execute();
  return rows.map(({ id }) => id);
}
