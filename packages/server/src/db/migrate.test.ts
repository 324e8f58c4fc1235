import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Kysely, sql } from "kysely";
import { openEmpty } from "../../test/empty-database.ts";
import { onPostgres } from "../../test/test-database.ts";
import { isMigrated, MigrationRefused, migrate } from "./migrate.ts";
import { MIGRATIONS } from "./migrations/index.ts";

let folder: string;
let db: Kysely<unknown>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  db = await openEmpty(folder);
});
afterEach(async () => {
  await db.destroy();
  rmSync(folder, { recursive: true });
});

const epoch = async () => (await sql<{ value: string }>`select value from meta where key = 'epoch'`.execute(db)).rows;
const run = (text: string) => sql.raw(text).execute(db);

test("CUR-13: every step is applied once, in order, and a database that is up to date keeps its epoch", async () => {
  expect(await isMigrated(db)).toBe(false);
  expect(await migrate(db, 7)).toEqual(MIGRATIONS.map(({ name }) => name));
  const { rows } = await sql<{ name: string; at: number }>`
    select name, applied_at as at from migrations order by name`.execute(db);
  const names = MIGRATIONS.map(({ name }): string => name);
  expect(rows).toEqual(names.toSorted().map((name) => ({ name, at: 7 })));
  const made = await epoch();
  expect(made).toEqual([{ value: expect.stringMatching(/^[0-9a-f]{16}$/) }]);
  expect(await isMigrated(db)).toBe(true);
  expect(await migrate(db, 8)).toEqual([]);
  expect(await epoch()).toEqual(made);
});

test("a database that misses any step is not up to date", async () => {
  await migrate(db, 7);
  for (const { name } of MIGRATIONS.slice(1)) {
    await run(`update migrations set name = 'away' where name = '${name}'`);
    expect(await isMigrated(db)).toBe(false);
    await run(`update migrations set name = '${name}' where name = 'away'`);
  }
  expect(await isMigrated(db)).toBe(true);
});

const LATER = "insert into migrations (name, applied_at) values ('9999-later', 8)";

test.skipIf(onPostgres)(
  "a file that a newer version has changed is refused and left as it is, and needs nothing",
  async () => {
    await migrate(db, 7);
    await run(LATER);
    expect(await isMigrated(db)).toBe(true);
    const refused = migrate(db, 9);
    await expect(refused).rejects.toBeInstanceOf(MigrationRefused);
    await expect(refused).rejects.toThrow("it has migration 9999-later");
  },
);

test.skipIf(!onPostgres)("PG-10: a database that a newer version has added to is used as it is", async () => {
  await migrate(db, 7);
  await run(LATER);
  expect(await migrate(db, 9)).toEqual([]);
  const { rows } = await sql`select name from migrations where applied_at <> 7`.execute(db);
  expect(rows).toEqual([{ name: "9999-later" }]);
});

test("a database of a newer version that lacks a step of this one is refused", async () => {
  await migrate(db, 7);
  await run(LATER);
  await run(`delete from migrations where name = '${MIGRATIONS.at(-1)?.name}'`);
  await expect(migrate(db, 9)).rejects.toBeInstanceOf(MigrationRefused);
  expect((await sql`select name from migrations where applied_at = 9`.execute(db)).rows).toEqual([]);
});

test("of steps that fail nothing is there afterwards", async () => {
  await migrate(db, 7);
  await run("delete from migrations where name > '0006'");
  await run("alter table messages rename column request_hash to digest");
  // The sixth works, the seventh does not find its column.
  await expect(migrate(db, 8)).rejects.toThrow("request_hash");
  const { rows } = await sql<{ name: string }>`select max(name) as name from migrations`.execute(db);
  expect(rows).toEqual([{ name: "0005-sender-only" }]);
});

const FILE_INDEXES = `
  select m.name || '(' || (select group_concat(name, ',') from (select name from pragma_index_info(i.name) order by seqno)) || ')' as at,
    i."unique" as is_unique
  from sqlite_master m, pragma_index_list(m.name) i where m.type = 'table'`;
const POSTGRES_INDEXES = `
  select i.indrelid::regclass || '(' || string_agg(a.attname, ',' order by k.place) || ')' as at, i.indisunique as is_unique
  from pg_index i cross join unnest(i.indkey) with ordinality as k(number, place)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
  where i.indrelid in (select oid from pg_class where relnamespace = current_schema()::regnamespace)
  group by i.indexrelid, i.indrelid, i.indisunique`;

/** What is asked for often, or by a timer, is found by one of these; without it each such question would read a whole table. */
test("no index is missing", async () => {
  await migrate(db, 7);
  const { rows } = await sql
    .raw<{ at: string; is_unique: number }>(onPostgres ? POSTGRES_INDEXES : FILE_INDEXES)
    .execute(db);
  const indexes = (unique: number) => rows.filter(({ is_unique }) => is_unique === unique).map(({ at }) => at);
  const missing = (wanted: string[], unique: number) => wanted.filter((at) => !indexes(unique).includes(at));
  const unique = [
    "events(stream,seq)",
    "known_requesters(uid,mark)",
    "logins(previous_hash)",
    "logins(token_hash)",
    "members(room_id,uid)",
    "messages(room_id,seq,id)",
    "messages(room_id,uid,seq,id)",
    "messages(uid,client_id)",
    "meta(key)",
    "migrations(name)",
    "name_looks(look,uid)",
    "qr_logins(code)",
    "rate_counts(key,rate)",
    "room_reads(uid,room_id)",
    "rooms(direct_key)",
    "streams(stream)",
    "users(name_key)",
  ];
  expect(missing(unique, 1)).toEqual([]);
  const others = [
    "logins(uid)",
    "members(uid,room_id,joined_seq,joined_pos,left_seq,left_pos,before_seq,before_pos)",
    "qr_logins(expires_at)",
    "rate_counts(since)",
  ];
  expect(missing(others, 0)).toEqual([]);
});
