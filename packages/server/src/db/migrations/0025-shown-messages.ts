import { type Kysely, sql } from "kysely";

/**
 * What only its sender may see has an index of its own: somebody who is blocked may write as much as anybody, and none of it may cost those who
 * never see it, nor the writer, which looks for the newest number before a seq.
 */
export async function shownMessages(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex("messages_room_seq_id").execute();
  await db.schema
    .createIndex("messages_shown")
    .on("messages")
    .columns(["room_id", "seq", "id"])
    .unique()
    .where(sql.ref("sender_only"), "=", sql.lit(0))
    .execute();
  await db.schema
    .createIndex("messages_sender_only")
    .on("messages")
    .columns(["room_id", "uid", "seq", "id"])
    .unique()
    .where(sql.ref("sender_only"), "=", sql.lit(1))
    .execute();
}
