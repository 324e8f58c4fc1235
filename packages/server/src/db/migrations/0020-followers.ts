import { type Kysely, sql } from "kysely";

/** How far each follower has handled the log (`event-log/follower.ts`). */
export async function followers(db: Kysely<unknown>): Promise<void> {
  await sql`create table followers (name text primary key, pos bigint not null)`.execute(db);
}
