/** The server of the version after this one, which adds a table, and columns to tables that are in use. Takes the same commands. */
import { type Kysely, sql } from "kysely";
import { MIGRATIONS } from "../src/db/migrations/index.ts";

async function nextThings(db: Kysely<unknown>): Promise<void> {
  await sql`create table next_things (id bigint primary key, room_id bigint not null)`.execute(db);
  await sql`create index next_things_room on next_things (room_id)`.execute(db);
  for (const table of ["users", "rooms", "members", "messages", "streams", "events", "log", "logins"]) {
    await sql`alter table ${sql.table(table)} add column next_note text`.execute(db);
    await sql`alter table ${sql.table(table)} add column next_count bigint not null default 0`.execute(db);
  }
}

(MIGRATIONS as unknown as { name: string; up: typeof nextThings }[]).push({ name: "9999-next-things", up: nextThings });
await import("../src/main.ts");
