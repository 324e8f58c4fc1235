import type { Kysely } from "kysely";
import { NUMBERED_KEY } from "../columns.ts";

/** Bans of people and of addresses. No message is changed by a ban: whoever reads messages joins this table. */
export async function bans(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("bans")
    .addColumn("id", NUMBERED_KEY)
    .addColumn("uid", "integer", (c) => c.unique())
    .addColumn("cidr", "text", (c) => c.unique())
    .addColumn("until", "bigint")
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("created_by", "integer", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("bans_until").on("bans").column("until").execute();
}
