import type { Kysely } from "kysely";
import { sql } from "kysely";
import { CLUSTERED } from "../columns.ts";

/**
 * Puts together what each connection of a user reads: their memberships in an index that holds everything that a reader's
 * windows need, their read places and the heads of streams in the order of their keys. Otherwise a connection of a user in twenty
 * rooms touches some eighty pages, scattered over the tables.
 */
export async function byUser(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex("members_uid").execute();
  await db.schema
    .createIndex("members_windows")
    .on("members")
    .columns(["uid", "room_id", "from_seq", "left_seq", "left_pos", "joined_seq", "joined_pos"])
    .columns(["last_joined_seq", "last_joined_pos", "gaps"])
    .execute();

  await db.schema
    .createTable("room_reads_clustered")
    .addColumn("uid", "bigint", (c) => c.notNull().references("users.uid"))
    .addColumn("room_id", "bigint", (c) => c.notNull().references("rooms.id"))
    .addColumn("read_seq", "bigint", (c) => c.notNull())
    .addColumn("read_no", "bigint", (c) => c.notNull())
    .addColumn("read_at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("room_reads_key", ["uid", "room_id"] as never)
    .modifyEnd(CLUSTERED)
    .execute();
  await sql`insert into room_reads_clustered (uid, room_id, read_seq, read_no, read_at)
    select uid, room_id, read_seq, read_no, read_at from room_reads`.execute(db);
  await db.schema.dropTable("room_reads").execute();
  await db.schema.alterTable("room_reads_clustered").renameTo("room_reads").execute();

  await db.schema
    .createTable("streams_clustered")
    .addColumn("stream", "text", (c) => c.primaryKey().notNull())
    .addColumn("seq", "bigint", (c) => c.notNull())
    .addColumn("pos", "bigint", (c) => c.notNull())
    .addColumn("first_seq", "bigint", (c) => c.notNull())
    .addColumn("trimmed_pos", "bigint", (c) => c.notNull().defaultTo(0))
    .modifyEnd(CLUSTERED)
    .execute();
  await sql`insert into streams_clustered (stream, seq, pos, first_seq, trimmed_pos)
    select stream, seq, pos, first_seq, trimmed_pos from streams`.execute(db);
  await db.schema.dropTable("streams").execute();
  await db.schema.alterTable("streams_clustered").renameTo("streams").execute();
}
