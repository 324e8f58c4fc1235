import { type Kysely, sql } from "kysely";
import { CLUSTERED, NUMBERED_KEY } from "../columns.ts";

/** Friend requests, friends, people who have blocked somebody, and marks that only those who set them see. */
export async function contacts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("friend_requests")
    .addColumn("id", NUMBERED_KEY)
    .addColumn("from_uid", "integer", (c) => c.notNull())
    .addColumn("to_uid", "integer", (c) => c.notNull())
    .addColumn("text", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("hidden", "integer", (c) => c.notNull())
    .addColumn("read", "integer", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("answered_at", "bigint")
    .execute();
  const index = (name: string) => db.schema.createIndex(name).on("friend_requests");
  await index("friend_requests_pair").columns(["from_uid", "to_uid"]).unique().execute();
  await index("friend_requests_made").columns(["from_uid", "id"]).execute();
  await index("friend_requests_got").columns(["to_uid", "id"]).execute();
  // People have a hundred open ones at most, and any number of answered ones.
  await sql`create index friend_requests_waiting on friend_requests (to_uid) where state = 'open'`.execute(db);
  await sql`create index friend_requests_asking on friend_requests (from_uid) where state = 'open'`.execute(db);
  await db.schema
    .createTable("friends")
    .addColumn("uid", "integer", (c) => c.notNull())
    .addColumn("friend_uid", "integer", (c) => c.notNull())
    .addColumn("room_id", "integer", (c) => c.notNull())
    .addColumn("remark", "text", (c) => c.notNull())
    .addColumn("since", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("friends_key", ["uid", "friend_uid"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema
    .createTable("blocks")
    .addColumn("uid", "integer", (c) => c.notNull())
    .addColumn("blocked_uid", "integer", (c) => c.notNull())
    .addColumn("since", "bigint", (c) => c.notNull())
    .addColumn("last_seen_at", "bigint")
    .addColumn("read_seq", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("blocks_key", ["uid", "blocked_uid"])
    .modifyEnd(CLUSTERED)
    .execute();
  for (const table of ["members", "rooms"]) {
    await db.schema
      .alterTable(table)
      .addColumn("untold", "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await db.schema
    .createTable("hidden_marks")
    .addColumn("uid", "integer", (c) => c.notNull())
    .addColumn("message_id", "integer", (c) => c.notNull())
    .addColumn("type", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("hidden_marks_key", ["uid", "message_id"])
    .modifyEnd(CLUSTERED)
    .execute();
}
