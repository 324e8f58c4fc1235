import { type Kysely, sql } from "kysely";

/** The log's row keeps the time of its newest event, so that no later one gets an earlier time when the clock is set back. */
export async function logTime(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("log")
    .addColumn("at", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();
  await sql`update log set at = coalesce((select at from events order by pos desc limit 1), 0)`.execute(db);
}
