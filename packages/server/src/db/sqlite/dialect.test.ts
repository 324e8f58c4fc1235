import { Database } from "bun:sqlite";
import { afterEach, test as anywhere, beforeEach, expect, spyOn } from "bun:test";
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { Kysely, sql } from "kysely";
import { openScratch, type Scratch } from "../../../test/scratch-database.ts";
import { onPostgres } from "../../../test/test-database.ts";
import { nextTurn, withDeadline } from "../../lib/interval.ts";
import { BatchTimes } from "../batch-time.ts";
import type { Schema } from "../schema.ts";
import { readerDialect, writerDialect } from "./dialect.ts";
import { SqliteWriter } from "./writer.ts";

/** These are about a file, which is not there on PostgreSQL. */
const test = anywhere.skipIf(onPostgres);

let scratch: Scratch;
let writer: Kysely<Schema>;
beforeEach(async () => {
  scratch = await openScratch();
  writer = new Kysely<Schema>({ dialect: writerDialect(scratch.file()) });
});
afterEach(async () => {
  await writer.destroy();
  await scratch.close();
});

const note = (db: Kysely<Schema>, key: string) => db.insertInto("meta").values({ key, value: "" }).execute();
const notes = async () => {
  const rows = await scratch.db.selectFrom("meta").select("key").where("key", "like", "note%").execute();
  return rows.map(({ key }) => key);
};

const setting = async (db: Kysely<Schema>, name: string) =>
  Object.values((await sql.raw<object>(`pragma ${name}`).execute(db)).rows[0] ?? {})[0];

test("a commit is on the disk when it is answered, and a connection waits for what another process has locked", async () => {
  expect(await setting(writer, "journal_mode")).toBe("wal");
  // 2 is FULL: each commit is synced.
  expect(await setting(writer, "synchronous")).toBe(2);
  expect(await setting(writer, "busy_timeout")).toBe(5000);
  expect(await setting(scratch.db, "busy_timeout")).toBe(5000);
});

test("IM-20: what is removed is overwritten, and after the journal is emptied the writer waits for locks as before", async () => {
  expect(await setting(writer, "secure_delete")).toBe(1);
  const at = new SqliteWriter(scratch.file(), { times: new BatchTimes(scratch.clock, () => 0) });
  await at.transaction(({ db }) => note(db, "note"));
  expect(await at.truncateJournal()).toBe(true);
  expect(await at.transaction(({ db }) => setting(db, "busy_timeout"))).toBe(5000);
  await at.close();
});

test("readers beyond the pool's size wait for one that is given back, the first first", async () => {
  const readers = new Kysely<Schema>({ dialect: readerDialect(scratch.file(), 2) });
  const begun: string[] = [];
  const ends = new Map(["a", "b", "c", "d"].map((name) => [name, Promise.withResolvers<void>()]));
  const all = [...ends].map(([name, { promise }]) =>
    readers.transaction().execute(() => {
      begun.push(name);
      return promise;
    }),
  );
  const end = async (name: string) => {
    ends.get(name)?.resolve();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
  };
  await end("none");
  expect(begun).toEqual(["a", "b"]);
  await end("b");
  expect(begun).toEqual(["a", "b", "c"]);
  await end("a");
  expect(begun).toEqual(["a", "b", "c", "d"]);
  await end("c");
  await end("d");
  await withDeadline(Promise.all(all), 3000, "a transaction did not end");
  await readers.destroy();
});

test("a statement that was dropped for newer ones runs again", async () => {
  const value = async (n: number) => (await sql.raw<{ n: number }>(`select ${n} as n`).execute(writer)).rows[0]?.n;
  for (let n = 0; n < 450; n++) await value(n);
  for (const n of [0, 449, 49, 50, 51]) expect(await value(n)).toBe(n);
});

test("of 400 statements that are kept the one that was unused for longest goes first", async () => {
  const run = (n: number) => sql.raw(`select ${n} as n`).execute(writer);
  for (let n = 0; n < 400; n++) await run(n);
  const prepares = spyOn(Database.prototype, "prepare");
  try {
    await run(0);
    await run(400);
    await run(0);
    expect(prepares.mock.calls.map(([text]) => text)).toEqual(["select 400 as n"]);
    await run(1);
    expect(prepares).toHaveBeenCalledTimes(2);
  } finally {
    prepares.mockRestore();
  }
});

test("the last connection that is closed leaves the database in one file", async () => {
  await note(writer, "note");
  const folder = dirname(scratch.file());
  expect(readdirSync(folder)).toContain("parley.db-wal");
  await writer.destroy();
  await scratch.writes.close();
  await scratch.db.destroy();
  expect(readdirSync(folder)).toEqual(["parley.db"]);
});

test("a transaction that SQLite has undone by itself, as on a full disk, fails by its cause, and the next one works", async () => {
  const undone = writer.transaction().execute(async (trx) => {
    await note(trx, "note 1");
    await sql`insert or rollback into meta (key, value) values ('epoch', '')`.execute(trx);
  });
  await expect(undone).rejects.toThrow("UNIQUE constraint failed: meta.key");
  await writer.transaction().execute((trx) => note(trx, "note 2"));
  expect(await notes()).toEqual(["note 2"]);
});
