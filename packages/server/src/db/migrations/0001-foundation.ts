import { FIRST_UID, HALL_ROOM_ID, SYSTEM_UID } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { NUMBER_KEY, NUMBERED_KEY, startNumbering } from "../columns.ts";

/** The log, people and their logins, rooms and messages; the system's account and the hall. */
export async function foundation(db: Kysely<unknown>, now: number): Promise<void> {
  const table = (name: string) => db.schema.createTable(name);

  await table("log")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("pos", "bigint", (c) => c.notNull())
    .execute();
  await table("streams")
    .addColumn("stream", "text", (c) => c.primaryKey())
    .addColumn("seq", "bigint", (c) => c.notNull())
    .addColumn("pos", "bigint", (c) => c.notNull())
    .addColumn("first_seq", "bigint", (c) => c.notNull())
    .addColumn("trimmed_pos", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();
  await table("events")
    .addColumn("pos", NUMBER_KEY)
    .addColumn("stream", "text", (c) => c.notNull())
    .addColumn("seq", "bigint", (c) => c.notNull())
    .addColumn("type", "integer", (c) => c.notNull())
    .addColumn("message_id", "bigint")
    .addColumn("data", "text")
    .addColumn("at", "bigint", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("events_stream_seq").on("events").columns(["stream", "seq"]).unique().execute();

  await table("users")
    .addColumn("uid", NUMBERED_KEY)
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("name_key", "text", (c) => c.notNull().unique())
    .addColumn("avatar", "text", (c) => c.notNull().defaultTo(""))
    .addColumn("power", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("password_hash", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("created_ip", "text", (c) => c.notNull())
    .addColumn("updated_at", "bigint", (c) => c.notNull())
    .addColumn("last_seen_at", "bigint", (c) => c.notNull())
    .addColumn("deleted_at", "bigint")
    .execute();
  await table("logins")
    .addColumn("id", NUMBERED_KEY)
    .addColumn("uid", "bigint", (c) => c.notNull().references("users.uid"))
    .addColumn("token_hash", "text", (c) => c.notNull().unique())
    .addColumn("previous_hash", "text", (c) => c.unique())
    .addColumn("previous_until", "bigint")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("last_seen_at", "bigint", (c) => c.notNull())
    .addColumn("expires_at", "bigint", (c) => c.notNull())
    .addColumn("ip", "text", (c) => c.notNull())
    .addColumn("user_agent", "text", (c) => c.notNull())
    .addColumn("via", "text", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("logins_uid").on("logins").column("uid").execute();
  await table("qr_logins")
    .addColumn("code", "text", (c) => c.primaryKey())
    .addColumn("secret_hash", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("ip", "text", (c) => c.notNull())
    .addColumn("user_agent", "text", (c) => c.notNull())
    .addColumn("requested_at", "bigint", (c) => c.notNull())
    .addColumn("expires_at", "bigint", (c) => c.notNull())
    .addColumn("scanned_by_login", "bigint")
    .addColumn("scanned_by_uid", "bigint")
    .execute();
  await db.schema.createIndex("qr_logins_expires_at").on("qr_logins").column("expires_at").execute();

  await table("rooms")
    .addColumn("id", NUMBERED_KEY)
    .addColumn("type", "integer", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("avatar", "text", (c) => c.notNull().defaultTo(""))
    .addColumn("notice", "text", (c) => c.notNull().defaultTo(""))
    .addColumn("owner_uid", "bigint")
    .addColumn("mute_all", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("history", "text", (c) => c.notNull().defaultTo("all"))
    .addColumn("no", "bigint", (c) => c.notNull().defaultTo(0))
    .addColumn("last_message_id", "bigint")
    .addColumn("member_count", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("direct_key", "text", (c) => c.unique())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("dissolved_at", "bigint")
    .addColumn("dissolved_seq", "bigint")
    .execute();
  await table("members")
    .addColumn("room_id", "bigint", (c) => c.notNull().references("rooms.id"))
    .addColumn("uid", "bigint", (c) => c.notNull().references("users.uid"))
    .addColumn("role", "integer", (c) => c.notNull())
    .addColumn("from_seq", "bigint", (c) => c.notNull())
    .addColumn("joined_seq", "bigint", (c) => c.notNull())
    .addColumn("joined_pos", "bigint", (c) => c.notNull())
    .addColumn("last_joined_seq", "bigint", (c) => c.notNull())
    .addColumn("last_joined_pos", "bigint", (c) => c.notNull())
    .addColumn("joined_at", "bigint", (c) => c.notNull())
    .addColumn("left_seq", "bigint")
    .addColumn("left_pos", "bigint")
    .addColumn("gaps", "text", (c) => c.notNull().defaultTo("[]"))
    .addColumn("opened_seq", "bigint", (c) => c.notNull().defaultTo(0))
    .addColumn("left_view", "text")
    .addColumn("muted_until", "bigint")
    .addPrimaryKeyConstraint("members_pk", ["room_id", "uid"] as never)
    .execute();
  await db.schema.createIndex("members_uid").on("members").column("uid").execute();
  await table("room_reads")
    .addColumn("uid", "bigint", (c) => c.notNull().references("users.uid"))
    .addColumn("room_id", "bigint", (c) => c.notNull().references("rooms.id"))
    .addColumn("read_seq", "bigint", (c) => c.notNull())
    .addColumn("read_no", "bigint", (c) => c.notNull())
    .addColumn("read_at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("room_reads_pk", ["uid", "room_id"] as never)
    .execute();

  await table("messages")
    .addColumn("id", NUMBER_KEY)
    .addColumn("room_id", "bigint", (c) => c.notNull())
    .addColumn("seq", "bigint", (c) => c.notNull())
    .addColumn("no", "bigint")
    .addColumn("uid", "bigint", (c) => c.notNull())
    .addColumn("type", "integer", (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("reply_to", "bigint")
    .addColumn("client_id", "text")
    .addColumn("request_hash", "text")
    .addColumn("sent_at", "bigint", (c) => c.notNull())
    .addColumn("recalled_by", "bigint")
    .addColumn("recalled_at", "bigint")
    .execute();
  await db.schema.createIndex("messages_room_seq").on("messages").columns(["room_id", "seq"]).unique().execute();
  await db.schema.createIndex("messages_uid_client_id").on("messages").columns(["uid", "client_id"]).unique().execute();

  await sql`insert into log (id, pos) values (1, 0)`.execute(db);
  await sql`insert into users (uid, name, name_key, created_at, created_ip, updated_at, last_seen_at)
            values (${SYSTEM_UID}, 'System', 'system', ${now}, '', ${now}, ${now})`.execute(db);
  await sql`insert into rooms (id, type, name, created_at) values (${HALL_ROOM_ID}, 1, 'Hall', ${now})`.execute(db);
  await startNumbering(db, { table: "users", column: "uid", next: FIRST_UID });
  await startNumbering(db, { table: "rooms", column: "id", next: HALL_ROOM_ID + 1 });
}
