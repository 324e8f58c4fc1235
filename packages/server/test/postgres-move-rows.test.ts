/** What `parley move` copies: every row of every table, as it is. */
import { Database } from "bun:sqlite";
import { beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { move } from "../src/db/move.ts";
import { prepareDatabase } from "../src/db/open.ts";
import { endLater } from "./left-running.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { openRaw, type RawDatabase, TABLES, withRaw } from "./test-database.ts";

/** What each database keeps for itself. */
const NOT_MOVED = ["migrations", "writers", "nodes"];
/** A row of one of them names a row of another one. */
const KEYS: Readonly<Record<string, number>> = { uid: 20_001, room_id: 2 };
const ODD = [
  "NULL",
  "{}",
  '{"a","b"}',
  "\\N",
  "it's",
  'say "no"',
  "a\\b",
  "a\nb\r\tc",
  "\u2028 ž 群 😀",
  "$1 %s",
  "0",
  " ",
];

interface Column {
  name: string;
  type: string;
  notnull: 0 | 1;
  pk: number;
}

let dir: string;
let source: Database;
let url: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "parley-move-"));
  endLater(() => rmSync(dir, { recursive: true }));
  await prepareDatabase({ dir, databaseUrl: undefined }, 1);
  source = new Database(join(dir, "parley.db"));
  endLater(() => source.close());
  url = await (await sharedPostgres()).freshDatabase();
}, 60_000);

const moved = (onRows?: (progress: { table: string; rows: number; of: number }) => void) =>
  move(dir, url, { now: 1, ...(onRows && { onRows }) });

const tables = () =>
  source
    .query<{ name: string }, []>("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
    .all()
    .map(({ name }) => name)
    .filter((name) => !NOT_MOVED.includes(name));

const columnsOf = (table: string) => source.query<Column, []>(`pragma table_info("${table}")`).all();

/** Three rows for a table, whatever its columns are: with nothing where nothing may be, with odd texts and with the largest numbers. */
function rowsFor(table: string): (string | number | null)[][] {
  return [0, 1, 2].map((r) =>
    columnsOf(table).map(({ name, type, notnull, pk }, c) => {
      if (r === 0 && notnull === 0 && pk === 0) return null;
      if (/text/i.test(type)) return `${ODD[(r * 5 + c) % ODD.length]}${r}`;
      if (pk > 0 || name in KEYS) return (KEYS[table === "rooms" ? "room_id" : name] ?? 100) + r;
      return r === 1 ? Number.MAX_SAFE_INTEGER - c : r * -1_000_000_007;
    }),
  );
}

function insert(table: string, rows: readonly (readonly (string | number | null)[])[]): void {
  const columns = columnsOf(table).map(({ name }) => `"${name}"`);
  const statement = source.prepare(`insert into "${table}" (${columns}) values (${columns.map(() => "?")})`);
  source.transaction(() => {
    for (const row of rows) statement.run(...row);
  })();
}

const sorted = (rows: readonly unknown[]) =>
  rows.map((row) => JSON.stringify(Object.entries(row as object).sort())).sort();

async function comparedAll(raw: RawDatabase): Promise<number> {
  let rows = 0;
  for (const table of tables()) {
    const here = source
      .query(`select * from "${table}" ${table === "meta" ? "where key not in ('timeline', 'home')" : ""}`)
      .all();
    expect({ table, rows: sorted(await raw.rows(`select * from "${table}"`)) }).toEqual({ table, rows: sorted(here) });
    rows += here.length;
  }
  return rows;
}

describe.skipIf(!hasPostgres)("rows that are moved", () => {
  test("MOVE-2: all rows of all tables are there as they were, and ids go on after all that were ever given", async () => {
    for (const table of tables()) if (table !== "log") insert(table, rowsFor(table));
    source.run("update log set pos = 4711, at = 1700000000000");
    source.run("insert into meta values ('timeline', '00000001'), ('home', '1/2/3')");
    insert("server_keys", [rowsFor("server_keys")[0]!.map((cell, c) => [200, "revoked", "hash"][c] ?? cell)]);
    source.run("delete from server_keys where id = 200");
    for (const table of ["writers", "nodes"]) insert(table, rowsFor(table));

    // Nothing of it has left the journal, and nothing does.
    const files = () => ["", "-wal"].map((end) => Bun.hash(readFileSync(join(dir, `parley.db${end}`))));
    const before = files();
    const { rows, logEnd, mended } = await moved();
    expect(files()).toEqual(before);
    expect([[...rows.keys()].sort(), logEnd, mended]).toEqual([tables().sort(), 4711, 0]);
    await withRaw({ url }, async (raw) => {
      const all = await comparedAll(raw);
      expect(all).toBeGreaterThanOrEqual(tables().length * 3 - 2);
      expect(rows.values().reduce((sum, one) => sum + one, 0)).toBe(all);
      for (const table of ["writers", "nodes"]) expect(await raw.rows(`select * from ${table}`)).toEqual([]);
      expect(await raw.rows("select * from meta where key in ('timeline', 'home')")).toEqual([]);

      const numbered = await raw.rows<{ table: string; next: number }>(`select table_name as "table",
        nextval(pg_get_serial_sequence(table_name, column_name)) as next from information_schema.columns where is_identity = 'YES'`);
      const here = source.query<{ name: string; seq: number }, []>("select name, seq from sqlite_sequence").all();
      const next = (table: string) => (here.find(({ name }) => name === table)?.seq ?? 0) + 1;
      expect(numbered.length).toBeGreaterThanOrEqual(8);
      expect(numbered).toEqual(numbered.map(({ table }) => ({ table, next: next(table) })));
      expect(next("server_keys")).toBe(201);
    });
  }, 30_000);

  test("MOVE-3: a journal that a killed server has left is read, and stays as it is", async () => {
    insert("rooms", rowsFor("rooms"));
    const left = join(dir, "left");
    mkdirSync(left);
    for (const name of ["parley.db", "parley.db-wal"]) copyFileSync(join(dir, name), join(left, name));
    const files = () => ["parley.db", "parley.db-wal"].map((name) => Bun.hash(readFileSync(join(left, name))));
    const before = files();
    expect((await move(left, url, { now: 1 })).rows.get("rooms")).toBe(4);
    expect(files()).toEqual(before);
    await withRaw({ url }, comparedAll);
  }, 30_000);

  test("MOVE-2: the tables are those of a new database, with all indexes and keys", async () => {
    insert("rooms", rowsFor("rooms"));
    await moved();
    const fresh = await (await sharedPostgres()).freshDatabase(TABLES);
    const shape = async (at: string) => {
      const raw = await openRaw({ url: at });
      const parts = [
        "select indexdef as it from pg_indexes where schemaname = current_schema()",
        "select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) as it from pg_constraint where conrelid > 0 and connamespace = current_schema()::regnamespace",
        "select relname || ' ' || array_to_string(reloptions, ',') as it from pg_class where relnamespace = current_schema()::regnamespace and reloptions is not null",
        "select name as it from migrations",
      ];
      const all: string[][] = [];
      for (const text of parts) all.push((await raw.rows<{ it: string }>(text)).map(({ it }) => it).sort());
      await raw.close();
      return all;
    };
    const there = await shape(url);
    expect(there).toEqual(await shape(fresh));
    expect(there.map((list) => list.length > 4)).toEqual([true, true, true, true]);
  }, 30_000);

  test("MOVE-3: a large table crosses in portions of 2 000 rows, or fewer where the texts are long", async () => {
    const texts = rowsFor("custom_latest")[1] as (string | number)[];
    insert(
      "custom_latest",
      Array.from({ length: 4500 }, (_, i) => [texts[0]!, `key ${i}`, i]),
    );
    const long = "x".repeat(2 ** 19 - 100);
    insert(
      "server_dedupes",
      Array.from({ length: 5 }, (_, i) => [1, `key ${i}`, "hash", long, i]),
    );
    const seen: [string, number][] = [];
    await moved(({ table, rows }) => seen.push([table, rows]));
    const of = (table: string) => seen.filter(([name]) => name === table).map(([, rows]) => rows);
    expect(of("custom_latest")).toEqual([2000, 4000, 4500]);
    expect(of("server_dedupes")).toEqual([3, 5]);
    await withRaw({ url }, comparedAll);
  }, 30_000);

  test("MOVE-4: a 0 byte in a text, which PostgreSQL cannot store, becomes U+FFFD; broken characters are what SQLite shows of them", async () => {
    insert("rooms", [rowsFor("rooms")[1]!.map((cell, c) => (c === 2 ? "a\0b\0" : cell))]);
    source.run("update rooms set notice = cast(x'61ff62' as text) where id = 3");
    const before = source.query<{ notice: string }, []>("select notice from rooms where id = 3").get();
    expect((await moved()).mended).toBe(1);
    await withRaw({ url }, async (raw) => {
      expect(await raw.rows("select name, notice from rooms where id = 3")).toEqual([
        { name: "a\ufffdb\ufffd", notice: before?.notice },
      ]);
    });
    expect(source.query("select name from rooms where id = 3").get()).toEqual({ name: "a\0b\0" });
  }, 30_000);

  test.each<[what: string, change: string, message: RegExp]>([
    [
      "a fraction",
      "update users set last_seen_at = 1.5",
      /users, where uid is 1 and name is "System", last_seen_at is 1\.5, and has to be a whole number/,
    ],
    [
      "a number above 2^53",
      "update log set at = 9007199254740993",
      /log, where id is 1 and pos is 0, at is 9007199254740992/,
    ],
    [
      "a text for a number",
      "update rooms set created_at = 'today'",
      /rooms, where id is 1 and type is 1, created_at is "today"/,
    ],
    ["bytes for a text", "update rooms set notice = x'6162'", /notice is 2 bytes, and has to be a text/],
    [
      "a row that refers to none",
      "insert into logins (uid, token_hash, created_at, last_seen_at, expires_at, ip, user_agent, via) values (9, 'h', 1, 1, 1, '', '', 'qr')",
      /refuses the rows of the table logins \(.*foreign key.*; Key \(uid\)=\(9\)/,
    ],
  ])(
    "MOVE-4: %s is refused with the place, and nothing is moved",
    async (_, change, message) => {
      source.run(change);
      const failure = await moved().then(
        () => undefined,
        (error: Error) => error,
      );
      expect(failure?.name).toBe("MoveRefused");
      expect(failure?.message).toMatch(message);
      expect(failure?.message).toStartWith("Nothing was moved: ");
      await withRaw({ url }, async (raw) =>
        expect(await raw.rows("select * from pg_tables where schemaname = current_schema()")).toEqual([]),
      );
    },
    30_000,
  );
});
