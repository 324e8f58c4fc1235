import type { Kysely } from "kysely";

/** An operator may disable an account, and enable it again. */
export async function disabledAccounts(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("users").addColumn("disabled_at", "integer").execute();
}
