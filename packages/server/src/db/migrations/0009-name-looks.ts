import { type Kysely, sql } from "kysely";
import { skeleton } from "../../lib/skeleton.ts";
import { CLUSTERED } from "../columns.ts";

const PAGE = 500;

/**
 * What names look like, so that nobody takes a name that looks like somebody else's. Two people whose names already look alike
 * keep them: both have the same row of the first column.
 */
export async function nameLooks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("name_looks")
    .addColumn("look", "text", (c) => c.notNull())
    .addColumn("uid", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("name_looks_key", ["look", "uid"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema.createIndex("name_looks_uid").on("name_looks").column("uid").execute();
  for (let after = 0; ; ) {
    const { rows } = await sql<{ uid: number; name: string; key: string }>`
      select uid, name, name_key as key from users
      where uid > ${after} and deleted_at is null order by uid limit ${PAGE}`.execute(db);
    for (const { uid, name, key } of rows) {
      for (const look of looksOf(name, key)) {
        await sql`insert into name_looks (look, uid) values (${look}, ${uid})`.execute(db);
      }
    }
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.uid;
  }
}

/** As the name is written, in small letters and in capitals. */
function looksOf(name: string, key: string): Set<string> {
  const shown = name
    .normalize("NFKC")
    .replace(/[\p{Default_Ignorable_Code_Point}\u2800]/gu, "")
    .replace(/\s+/gu, " ")
    .trim();
  return new Set([skeleton(shown), skeleton(key), skeleton(shown.toUpperCase())]);
}
