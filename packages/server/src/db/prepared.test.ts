import { afterAll, beforeAll, expect, test } from "bun:test";
import { Kysely, sql } from "kysely";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { boundRows, inList, insertRows, writerDialect } from "./dialect.ts";
import { prepared } from "./prepared.ts";
import type { Schema } from "./schema.ts";

let scratch: Scratch;
let db: Kysely<Schema>;
beforeAll(async () => {
  scratch = await openScratch();
  db = new Kysely<Schema>({ dialect: writerDialect(scratch.path) });
});
afterAll(async () => {
  await db.destroy();
  await scratch.close();
});

const metaOf = prepared((from, keys) =>
  from
    .selectFrom("meta")
    .selectAll()
    .where("key", "in", inList<string>(keys))
    .where("value", "!=", "hidden")
    .orderBy("key"),
);
const setMeta = prepared((from, rows) =>
  from
    .updateTable("meta")
    .from(boundRows<{ key: string; value: string }>(["key", "value"], rows).as("given"))
    .set((eb) => ({ value: eb.ref("given.value") }))
    .whereRef("meta.key", "=", "given.key"),
);

test("rows are inserted as they are, in order, and a conflict is settled as asked", async () => {
  const columns = ["pos", "stream", "seq", "type", "message_id", "data", "at"] as const;
  const text = "quotes \" and ' and 漢字";
  const values = [
    [2 ** 53 - 1, "s", 2 ** 40, -1, null, text, 1_700_000_000_000],
    [7, "s", 1, 4, 7, null, 0],
  ];
  await insertRows(db, "events", { columns, values });
  const rows = await db.selectFrom("events").selectAll().where("stream", "=", "s").orderBy("pos", "desc").execute();
  expect(rows.map((row) => columns.map((column) => row[column]))).toEqual(values);
  const types = await sql`select distinct typeof(pos) || typeof(seq) || typeof(at) as t from events`.execute(db);
  expect(types.rows).toEqual([{ t: "integerintegerinteger" }]);

  const again = [[7, "s", 1, 5, 7, "new", 0]];
  await expect(insertRows(db, "events", { columns, values: again })).rejects.toThrow("UNIQUE");
  await insertRows(db, "events", {
    columns,
    values: again,
    conflict: "on conflict (pos) do update set type = excluded.type",
  });
  expect(await db.selectFrom("events").select(["type", "data"]).where("pos", "=", 7).execute()).toEqual([
    { type: 5, data: null },
  ]);
});

test("a prepared query takes another value at each run, and keeps what is part of it", async () => {
  const values = [
    ["a", "1"],
    ["b", "2"],
    ["c", "hidden"],
  ];
  await insertRows(db, "meta", { columns: ["key", "value"], values });
  expect(await metaOf(db, ["a", "b", "c"])).toEqual([
    { key: "a", value: "1" },
    { key: "b", value: "2" },
  ]);
  expect(await metaOf(db, ["b"])).toEqual([{ key: "b", value: "2" }]);
  expect(await metaOf(db, [])).toEqual([]);
});

test("a prepared query runs on the connection that it is given, a transaction for one", async () => {
  const undone = db.transaction().execute(async (trx) => {
    await setMeta(trx, [["a", "of the transaction"]]);
    expect(await metaOf(trx, ["a"])).toEqual([{ key: "a", value: "of the transaction" }]);
    expect(await metaOf(scratch.db, ["a"])).toEqual([{ key: "a", value: "1" }]);
    throw new Error("undo it");
  });
  await expect(undone).rejects.toThrow("undo it");
  expect(await metaOf(db, ["a"])).toEqual([{ key: "a", value: "1" }]);
});
