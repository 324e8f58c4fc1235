import type { Kysely } from "kysely";
import { NUMBERED_KEY } from "../columns.ts";

/** What administrators and operators did. */
export async function audit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("audit")
    .addColumn("id", NUMBERED_KEY)
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("uid", "integer")
    .addColumn("ip", "text", (c) => c.notNull())
    .addColumn("act", "text", (c) => c.notNull())
    .addColumn("target", "text", (c) => c.notNull())
    .addColumn("before", "text")
    .addColumn("after", "text")
    .execute();
}
