import { type Kysely, sql } from "kysely";

/**
 * When the clock will have caught up with a log that is ahead of it: where several nodes write, none of them alone knows since when time has gone on at half its
 * pace. Null: it never was ahead.
 */
export async function logPace(db: Kysely<unknown>): Promise<void> {
  await sql`alter table log add column caught_up_at bigint`.execute(db);
}
