import { afterEach, beforeEach, expect, test } from "bun:test";
import { Kysely, sql } from "kysely";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { writerDialect } from "./dialect.ts";
import type { Schema } from "./schema.ts";

let scratch: Scratch;
let writer: Kysely<Schema>;
beforeEach(async () => {
  scratch = await openScratch();
  writer = new Kysely<Schema>({ dialect: writerDialect(scratch.path) });
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

test("readers cannot write, neither alone nor in a transaction", async () => {
  await expect(note(scratch.db, "note")).rejects.toThrow("readonly");
  await expect(scratch.db.transaction().execute((trx) => note(trx, "note"))).rejects.toThrow("readonly");
  expect(await notes()).toEqual([]);
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
