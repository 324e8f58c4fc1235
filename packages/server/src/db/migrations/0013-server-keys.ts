import type { Kysely } from "kysely";
import { NUMBERED_KEY } from "../columns.ts";

/** Keys for the product's own backend. */
export async function serverKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("server_keys")
    .addColumn("id", NUMBERED_KEY)
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("key_hash", "text", (c) => c.notNull().unique())
    .addColumn("scopes", "text", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("expires_at", "bigint")
    .addColumn("last_used_at", "bigint")
    .addColumn("rate", "integer")
    .execute();
}
