import { type Kysely, sql } from "kysely";

/** Messages that a server key has sent: their client ids belong to the key, whoever they are from. */
export async function keyMessages(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("messages").addColumn("key_id", "integer").execute();
  await db.schema.alterTable("messages").addColumn("key_client_id", "text").execute();
  await db.schema
    .createIndex("messages_key_client_id")
    .on("messages")
    .columns(["key_id", "key_client_id"])
    .unique()
    .where(sql.ref("key_id"), "is not", null)
    .execute();
}
