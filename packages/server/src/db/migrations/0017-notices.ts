import { type Kysely, sql } from "kysely";
import { CLUSTERED, NUMBER_KEY } from "../columns.ts";

/** What the product pushes: notifications, its own events, and what they need. */
export async function notices(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("notifications")
    .addColumn("id", NUMBER_KEY)
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("key", "text")
    .addColumn("collapse_key", "text")
    .addColumn("title", "text", (c) => c.notNull())
    .addColumn("text", "text", (c) => c.notNull())
    .addColumn("link", "text")
    .addColumn("data", "text")
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("expires_at", "bigint", (c) => c.notNull())
    .addColumn("has_ttl", "integer", (c) => c.notNull())
    .addColumn("to_all", "integer", (c) => c.notNull())
    .addColumn("recipients", "integer", (c) => c.notNull())
    .addColumn("done", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("is_gone", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("is_swept", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createIndex("notifications_by_key")
    .on("notifications")
    .columns(["kind", "key", "id"])
    .where(sql.ref("key"), "is not", null)
    .execute();
  // Without those that are known only to have expired: there may be very many.
  await db.schema
    .createIndex("notifications_to_all")
    .on("notifications")
    .columns(["to_all", "id"])
    .where(sql.ref("to_all"), "=", sql.lit(1))
    .where(sql.ref("is_swept"), "=", sql.lit(0))
    .execute();
  for (const [name, isSwept] of [
    ["notifications_end", 0],
    ["notifications_swept", 1],
  ] as const) {
    await db.schema
      .createIndex(name)
      .on("notifications")
      .columns(["expires_at"])
      .where(sql.ref("is_swept"), "=", sql.lit(isSwept))
      .execute();
  }

  await db.schema
    .createTable("notification_recipients")
    .addColumn("uid", "integer", (c) => c.notNull())
    .addColumn("notification_id", "integer", (c) => c.notNull())
    .addColumn("collapse_key", "text")
    .addColumn("read", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("archived", "integer", (c) => c.notNull().defaultTo(0))
    .addPrimaryKeyConstraint("notification_recipients_key", ["uid", "notification_id"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema
    .createIndex("notification_recipients_by_notification")
    .on("notification_recipients")
    .columns(["notification_id"])
    .execute();
  await db.schema
    .createIndex("notification_recipients_collapse")
    .on("notification_recipients")
    .columns(["uid", "collapse_key"])
    .where(sql.ref("collapse_key"), "is not", null)
    .execute();

  await db.schema
    .createTable("notification_marks")
    .addColumn("uid", "integer", (c) => c.notNull())
    .addColumn("notification_id", "integer", (c) => c.notNull())
    .addColumn("read", "integer", (c) => c.notNull())
    .addColumn("archived", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("notification_marks_key", ["uid", "notification_id"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema
    .createIndex("notification_marks_by_notification")
    .on("notification_marks")
    .columns(["notification_id"])
    .execute();

  await db.schema
    .createTable("notification_places")
    .addColumn("uid", NUMBER_KEY)
    .addColumn("seen_up_to", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("read_up_to", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("kept", "integer", (c) => c.notNull().defaultTo(0))
    .execute();

  await db.schema
    .createTable("server_dedupes")
    .addColumn("key_id", "integer", (c) => c.notNull())
    .addColumn("dedupe_key", "text", (c) => c.notNull())
    .addColumn("request_hash", "text", (c) => c.notNull())
    .addColumn("reply", "text", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("server_dedupes_key", ["key_id", "dedupe_key"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema.createIndex("server_dedupes_at").on("server_dedupes").columns(["at"]).execute();

  await db.schema
    .createTable("custom_events")
    .addColumn("id", NUMBER_KEY)
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("data", "text", (c) => c.notNull())
    .addColumn("collapse_key", "text")
    .addColumn("expires_at", "bigint")
    .execute();
  await db.schema
    .createTable("custom_latest")
    .addColumn("stream", "text", (c) => c.notNull())
    .addColumn("collapse_key", "text", (c) => c.notNull())
    .addColumn("id", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("custom_latest_key", ["stream", "collapse_key"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema.createIndex("custom_latest_id").on("custom_latest").columns(["id"]).execute();
  // For the few events whose content is in another table: finds out when none is left that needs it.
  await db.schema
    .createIndex("events_custom")
    .on("events")
    .columns(["message_id"])
    .where(sql.ref("type"), "=", sql.lit(117))
    .where(sql.ref("message_id"), "is not", null)
    .execute();

  for (const column of ["recipients_rate", "all_rate"]) {
    await db.schema.alterTable("server_keys").addColumn(column, "integer").execute();
  }
}
