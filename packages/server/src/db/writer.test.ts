import { afterEach, beforeEach, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { nextTurn } from "../lib/interval.ts";
import { openWriter } from "./open.ts";
import { single } from "./procedures.ts";
import { ofServer } from "./share.ts";
import type { WriteTransaction } from "./transaction.ts";
import { GroupWriter } from "./writer.ts";

async function echo(_tx: WriteTransaction, name: string) {
  return name;
}
async function failing(tx: WriteTransaction, name: string) {
  await tx.db.insertInto("meta").values({ key: "noted", value: name }).execute();
  throw new Error(`no ${name}`);
}

async function own(_tx: WriteTransaction, { by, n }: { by: number; n: number; rows: number }) {
  return `${by} ${n}`;
}

const table = {
  own: single(own, { by: ({ by }) => by, rows: ({ rows }) => rows }),
  echo: single(echo, ofServer()),
  failing: single(failing, ofServer()),
};

let scratch: Scratch;
let writer: GroupWriter;
/** What each batch was asked, in the order of batches. */
let batches: string[][];
beforeEach(async () => {
  scratch = await openScratch();
  batches = [];
  const inline = openWriter(scratch.place, { table });
  writer = new GroupWriter(
    {
      run: (requests) => {
        batches.push(
          requests.map(({ input }) => (typeof input === "string" ? input : `${(input as { by: number }).by}`)),
        );
        return inline.run(requests);
      },
      truncateJournal: () => inline.truncateJournal(),
      close: () => inline.close(),
    },
    table,
  );
});
afterEach(async () => {
  await writer.close();
  await scratch.close();
});

test("what comes turn after turn, as from sockets that become readable one after another, is written together", async () => {
  const later = (names: string[]) =>
    setImmediate(() => {
      const [name, ...rest] = names;
      if (name === undefined) return;
      later(rest);
      void writer.run(echo, name);
    });
  later(["b", "c", "d"]);
  await writer.run(echo, "a");
  expect(batches).toEqual([["a", "b", "c", "d"]]);
});

test("one that throws fails alone, among others or by itself, and nothing of it stays", async () => {
  const noted = () => scratch.db.selectFrom("meta").select("value").where("key", "=", "noted").execute();
  await expect(writer.run(failing, "a")).rejects.toThrow("no a");
  expect(await noted()).toEqual([]);
  const outcomes = await Promise.allSettled([
    writer.run(echo, "b"),
    writer.run(failing, "c"),
    writer.run(echo, "d"),
    writer.run(failing, "e"),
  ]);
  expect(batches.at(-1)).toEqual(["b", "c", "d", "e"]);
  expect(outcomes).toMatchObject([
    { value: "b" },
    { reason: { message: "no c" } },
    { value: "d" },
    { reason: { message: "no e" } },
  ]);
  expect(await noted()).toEqual([]);
});

test("MET-1: what waits for a batch is known, by requests and by rows", async () => {
  const asked = [2, 5, 9].map((rows) => writer.run(own, { by: 1, n: 0, rows }));
  expect(writer.waiting).toEqual({ requests: 3, rows: 16 });
  await Promise.all(asked);
  expect(writer.waiting).toEqual({ requests: 0, rows: 0 });
});

test("RET-2 what can wait runs alone, one at a time, after all that waits", async () => {
  const spare = ["a", "b"].map((name) => writer.runWhenIdle(echo, name));
  await Promise.all([...Array.from({ length: 300 }, (_, i) => writer.run(echo, `send ${i}`)), ...spare]);
  expect(batches.map((batch) => batch.length)).toEqual([256, 44, 1, 1]);
  expect(batches.slice(2)).toEqual([["a"], ["b"]]);
});

test("RET-2 a caller that asks again as soon as it is answered comes before it", async () => {
  const spare = writer.runWhenIdle(echo, "spare");
  for (let i = 0; i < 5; i++) await writer.run(echo, `send ${i}`);
  await spare;
  expect(batches.at(-1)).toEqual(["spare"]);
  expect(batches).toHaveLength(6);
});

test("RET-2 a close does not wait for what has not begun", async () => {
  const send = writer.run(echo, "send");
  const spare = Array.from({ length: 3 }, () => writer.runWhenIdle(echo, "spare"));
  const outcomes = Promise.allSettled(spare);
  await nextTurn();
  await writer.close();
  expect(await send).toBe("send");
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ reason: { code: "draining", retryAfterMs: 5000 } });
  await expect(writer.runWhenIdle(echo, "late")).rejects.toMatchObject({ code: "draining", retryAfterMs: 5000 });
});

test("HTTP-17: people have their turns at the writer, and one who asks for too much is told to come back", async () => {
  const asked = (by: number, count: number, rows: number) =>
    Array.from({ length: count }, (_, n) => writer.run(own, { by, n, rows }));
  const heavy = Promise.allSettled(asked(1, 200, 4000));
  const others = [2, 3, 4].flatMap((by) => asked(by, 2, 5));
  expect(await Promise.all(others)).toEqual(["2 0", "2 1", "3 0", "3 1", "4 0", "4 1"]);
  expect(batches.slice(0, 2)).toEqual([["1"], ["2", "2", "3", "3", "4", "4"]]);
  const outcomes = await heavy;
  // Four of 4 000 rows: twice as many as were still free.
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
  expect(outcomes.at(-1)).toMatchObject({ reason: { code: "overloaded", status: 503, retryAfterMs: 1000 } });
});
