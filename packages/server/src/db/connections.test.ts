import { afterEach, beforeEach, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { withDeadline } from "../lib/interval.ts";
import { openWritingConnection, type ReadDatabase } from "./open.ts";
import type { WritingConnection } from "./writing-connection.ts";

let scratch: Scratch;
let writer: WritingConnection;
beforeEach(async () => {
  scratch = await openScratch();
  writer = openWritingConnection(scratch.place);
});
afterEach(async () => {
  await writer.close();
  await scratch.close();
});

const note = (db: ReadDatabase, key: string) => db.insertInto("meta").values({ key, value: "" }).execute();
const notes = async (db = scratch.db) => {
  const rows = await db.selectFrom("meta").select("key").where("key", "like", "note%").orderBy("key").execute();
  return rows.map(({ key }) => key);
};

test("readers cannot write, neither alone nor in a transaction", async () => {
  await expect(note(scratch.db, "note")).rejects.toThrow(/read-?only/);
  await expect(scratch.db.transaction().execute((trx) => note(trx, "note"))).rejects.toThrow(/read-?only/);
  expect(await notes()).toEqual([]);
});

test("a transaction of a reader sees one state, whatever is committed meanwhile", async () => {
  await scratch.db.transaction().execute(async (trx) => {
    expect(await notes(trx)).toEqual([]);
    await writer.transaction(({ db }) => note(db, "note"));
    expect([await notes(trx), await notes()]).toEqual([[], ["note"]]);
  });
  expect(await notes()).toEqual(["note"]);
});

test("more transactions than connections wait for their turn, also after some that failed", async () => {
  const all = Array.from({ length: 60 }, (_, n) =>
    scratch.db.transaction().execute(async (trx) => {
      if (n % 3 === 0) await note(trx, "note");
      return (await notes(trx)).length;
    }),
  );
  const ended = await withDeadline(Promise.allSettled(all), 4000, "a transaction did not end");
  expect(ended.map(({ status }) => status)).toEqual(all.map((_, n) => (n % 3 === 0 ? "rejected" : "fulfilled")));
});

test("a row that refers to nothing is refused, nothing of its transaction stays, and the next one works", async () => {
  const refused = writer.transaction(async ({ db }) => {
    await note(db, "note 1");
    await db
      .insertInto("room_reads")
      .values({ uid: 999_999, room_id: 1, read_seq: 0, read_no: 0, read_at: 0 })
      .execute();
  });
  await expect(refused).rejects.toThrow(/foreign key/i);
  await writer.transaction(({ db }) => note(db, "note 2"));
  expect(await notes()).toEqual(["note 2"]);
});

test("texts have the order of their bytes", async () => {
  const keys = ["note b", "note B", "note a", "note ä", "note _"];
  await writer.transaction(async ({ db }) => {
    for (const key of keys) await note(db, key);
  });
  expect(await notes()).toEqual(["note B", "note _", "note a", "note b", "note ä"]);
});
