import type { Kysely } from "kysely";

/** A person may pin a room, and mute it for themselves. */
export async function ownSettings(db: Kysely<unknown>): Promise<void> {
  for (const column of ["pinned", "muted"]) {
    await db.schema
      .alterTable("room_reads")
      .addColumn(column, "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  }
}
