import { afterAll, beforeAll, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { openWritingConnection } from "./open.ts";
import { prepared } from "./prepared.ts";
import { boundRows, insertRows, textList } from "./rows.ts";
import type { WriteTransaction } from "./transaction.ts";
import type { WritingConnection } from "./writing-connection.ts";

let scratch: Scratch;
let writer: WritingConnection;
beforeAll(async () => {
  scratch = await openScratch();
  writer = openWritingConnection(scratch.place);
});
afterAll(async () => {
  await writer.close();
  await scratch.close();
});

const write = <T>(work: (db: WriteTransaction["db"]) => Promise<T>) => writer.transaction(({ db }) => work(db));

const metaOf = prepared((from, keys) =>
  from
    .selectFrom("meta")
    .select(["key", "value"])
    .where("key", "in", textList(keys))
    .where("value", "!=", "hidden")
    .orderBy("key"),
);
const setMeta = prepared((from, rows) =>
  from
    .updateTable("meta")
    .from(boundRows({ key: "text", value: "text" }, rows).as("given"))
    .set((eb) => ({ value: eb.ref("given.value") }))
    .whereRef("meta.key", "=", "given.key"),
);

test("PG-10: a prepared query names its columns", async () => {
  const all = prepared((from, keys) => from.selectFrom("meta").selectAll().where("key", "in", textList(keys)));
  await expect(all(scratch.db, ["a"])).rejects.toThrow("has to name its columns");
});

test("rows are inserted as they are, in order, and a conflict is settled as asked", async () => {
  const columns = ["pos", "stream", "seq", "type", "message_id", "data", "at"] as const;
  const text = "quotes \" and ' and 漢字";
  const values = [
    [2 ** 53 - 1, "s", 2 ** 40, -1, null, text, 1_700_000_000_000],
    [7, "s", 1, 4, 7, null, 0],
  ];
  await write((db) => insertRows(db, "events", { columns, values }));
  const { db } = scratch;
  const rows = await db.selectFrom("events").selectAll().where("stream", "=", "s").orderBy("pos", "desc").execute();
  expect(rows.map((row) => columns.map((column) => row[column]))).toEqual(values);
  const again = [[7, "s", 1, 5, 7, "new", 0]];
  await expect(write((trx) => insertRows(trx, "events", { columns, values: again }))).rejects.toThrow(/unique/i);
  const conflict = { key: ["pos"], take: ["type"] } as const;
  await write((trx) => insertRows(trx, "events", { columns, values: again, conflict }));
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
  await write((trx) => insertRows(trx, "meta", { columns: ["key", "value"], values }));
  const { db } = scratch;
  expect(await metaOf(db, ["a", "b", "c"])).toEqual([
    { key: "a", value: "1" },
    { key: "b", value: "2" },
  ]);
  expect(await metaOf(db, ["b"])).toEqual([{ key: "b", value: "2" }]);
  expect(await metaOf(db, [])).toEqual([]);
});

test("a prepared query runs on the connection that it is given, a transaction for one", async () => {
  const undone = write(async (trx) => {
    await setMeta(trx, [["a", "of the transaction"]]);
    expect(await metaOf(trx, ["a"])).toEqual([{ key: "a", value: "of the transaction" }]);
    expect(await metaOf(scratch.db, ["a"])).toEqual([{ key: "a", value: "1" }]);
    throw new Error("undo it");
  });
  await expect(undone).rejects.toThrow("undo it");
  expect(await metaOf(scratch.db, ["a"])).toEqual([{ key: "a", value: "1" }]);
});
