import { type Kysely, sql } from "kysely";

/** The digest of a recalled message's request goes, since guesses of its text could be tested against it. */
export async function recalledDigests(db: Kysely<unknown>): Promise<void> {
  await sql`update messages set request_hash = null where recalled_by is not null`.execute(db);
}
