import type { Kysely } from "kysely";
import { CLUSTERED } from "../columns.ts";

/** People mark messages; a message's row counts its marks, so that a page of messages need not. */
export async function marks(db: Kysely<unknown>): Promise<void> {
  for (const column of ["likes", "dislikes"]) {
    await db.schema
      .alterTable("messages")
      .addColumn(column, "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await db.schema
    .createTable("marks")
    .addColumn("uid", "integer", (c) => c.notNull())
    .addColumn("message_id", "integer", (c) => c.notNull())
    .addColumn("type", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("marks_key", ["uid", "message_id"])
    .modifyEnd(CLUSTERED)
    .execute();
}
