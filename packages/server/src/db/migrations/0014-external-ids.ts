import type { Kysely } from "kysely";

/** People and rooms by the ids of the product around the server. */
export async function externalIds(db: Kysely<unknown>): Promise<void> {
  for (const table of ["users", "rooms"]) {
    await db.schema.alterTable(table).addColumn("external_id", "text").execute();
    await db.schema.createIndex(`${table}_external_id`).on(table).column("external_id").unique().execute();
  }
}
