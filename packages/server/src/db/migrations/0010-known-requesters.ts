import { type Kysely, sql } from "kysely";
import { ipLimitKey } from "../../lib/ip-range.ts";
import { CLUSTERED, mayHoldOlderRows } from "../columns.ts";

const PAGE = 500;

/** Where people have signed in from: at first the addresses of the existing logins. */
export async function knownRequesters(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("known_requesters")
    .addColumn("uid", "integer", (c) => c.notNull())
    .addColumn("mark", "text", (c) => c.notNull())
    .addColumn("seen_at", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("known_requesters_key", ["uid", "mark"])
    .modifyEnd(CLUSTERED)
    .execute();
  await db.schema.createIndex("known_requesters_seen_at").on("known_requesters").column("seen_at").execute();
  if (mayHoldOlderRows(db)) await convert(db);
}

async function convert(db: Kysely<unknown>): Promise<void> {
  for (let after = 0; ; ) {
    const { rows } = await sql<{ id: number; uid: number; ip: string; created_at: number }>`
      select id, uid, ip, created_at from logins where id > ${after} order by id limit ${PAGE}`.execute(db);
    for (const { uid, ip, created_at } of rows) {
      await sql`insert into known_requesters (uid, mark, seen_at) values (${uid}, ${ipLimitKey(ip)}, ${created_at})
        on conflict (uid, mark) do update set seen_at = max(seen_at, excluded.seen_at)`.execute(db);
    }
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.id;
  }
}
