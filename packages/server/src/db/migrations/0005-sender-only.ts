import type { Kysely } from "kysely";

/**
 * A message may be visible to its sender only. It has the seq of the room's newest event, so a seq of a room may stand at several
 * messages. Among those that have an event of the room's stream it stands at one: the log's own index of stream and seq sees to
 * that. Ids do not fall where seqs rise, so one index holds a room's messages in the order of ids and finds them by seq.
 */
export async function senderOnly(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("messages")
    .addColumn("sender_only", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.dropIndex("messages_room_seq").execute();
  await db.schema
    .createIndex("messages_room_seq_id")
    .on("messages")
    .columns(["room_id", "seq", "id"])
    .unique()
    .execute();
}
