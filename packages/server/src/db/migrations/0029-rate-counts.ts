import type { Kysely } from "kysely";
import { CLUSTERED } from "../columns.ts";

/** Counts of rates that hold for all processes together and outlive them, each for a day. */
export async function rateCounts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("rate_counts")
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("rate", "text", (c) => c.notNull())
    .addColumn("counted", "bigint", (c) => c.notNull())
    .addColumn("since", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("rate_counts_key", ["key", "rate"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema.createIndex("rate_counts_since").on("rate_counts").column("since").execute();
}
