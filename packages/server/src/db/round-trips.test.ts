import { afterEach, beforeEach, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { onPostgres } from "../../test/test-database.ts";
import { append } from "../event-log/event-log.ts";
import { withDeadline } from "../lib/interval.ts";
import { DatabaseRunner } from "./database-runner.ts";
import { openWritingConnection } from "./open.ts";
import { batch, single } from "./procedures.ts";
import { ofServer } from "./share.ts";
import { sent, type WriteTransaction } from "./transaction.ts";
import { GroupWriter } from "./writer.ts";
import type { WritingConnection } from "./writing-connection.ts";

/** Round trips of the transaction that runs. */
let taken = 0;

/** A database to which a note takes four round trips, and a beginning one. */
function farAway(connection: WritingConnection): WritingConnection {
  return {
    transaction: (work) =>
      connection.transaction((tx) => {
        taken = 1;
        return work({ ...tx, roundTrips: () => taken });
      }),
    truncateJournal: () => connection.truncateJournal(),
    close: () => connection.close(),
  };
}

async function note(tx: WriteTransaction, name: string): Promise<string> {
  taken += 4;
  await append(tx, [{ stream: "room:1", type: 4, data: () => JSON.stringify(name) }]);
  return name;
}
const firstTwo = async (tx: WriteTransaction, names: readonly string[]) => {
  const done = names.slice(0, 2);
  for (const name of done) await note(tx, name);
  return done.map((value) => ({ ok: true, value }) as const);
};
/** Takes as many as it says. */
async function long(tx: WriteTransaction, name: string): Promise<string> {
  if (name === "none") throw new Error("there is no such number");
  taken += Number(name) - 4;
  return note(tx, name);
}
const table = {
  long: single(long, ofServer()),
  firstTwo: batch(firstTwo, ofServer()),
  note: single(note, ofServer()),
};

let scratch: Scratch;
let writer: GroupWriter;
let batches: string[][];
beforeEach(async () => {
  scratch = await openScratch();
  batches = [];
  const runner = new DatabaseRunner(farAway(openWritingConnection(scratch.place)), table);
  writer = new GroupWriter(runner, table, (events) => {
    batches.push(events.map(({ data }) => JSON.parse(data)));
  });
});
afterEach(async () => {
  await writer.close();
  await scratch.close();
});

test("PG-12: a batch that has taken many round trips leaves the rest to the next one, in order, and answers each", async () => {
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  const all = Promise.all(names.map((name) => writer.run(note, name)));
  expect(await withDeadline(all, 5000, "some were not answered")).toEqual(names);
  // Three of them and the commit are fourteen round trips, one more would make it eighteen.
  expect(batches).toEqual([["a", "b", "c"], ["d", "e", "f"], ["g"]]);
});

test("PG-12: a procedure of several inputs may do some of them and leave the rest to the next batch", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const all = Promise.all(names.map((name) => writer.run(firstTwo, name)));
  expect(await withDeadline(all, 5000, "some were not answered")).toEqual(names);
  // Of one that takes eight round trips a batch has room for one.
  expect(batches).toEqual([["a", "b"], ["c", "d"], ["e"]]);
});

test("PG-12: a procedure that takes more than it was expected to is the last one of its batch, and is expected to do so again", async () => {
  const some = () => Promise.all([writer.run(note, "a"), writer.run(long, "20"), writer.run(note, "b")]);
  await withDeadline(some(), 5000, "some were not answered");
  expect(batches.splice(0)).toEqual([["a", "20"], ["b"]]);
  await withDeadline(some(), 5000, "some were not answered");
  expect(batches).toEqual([["a"], ["20"], ["b"]]);
});

test("PG-12: with savepoints, each call is expected to take one more than otherwise", async () => {
  await Promise.all([writer.run(long, "7"), writer.run(long, "7")]);
  await Promise.all([writer.run(long, "7"), writer.run(long, "7")]);
  const [failed] = await Promise.allSettled(["none", "7", "7"].map((name) => writer.run(long, name)));
  expect(failed?.status).toBe("rejected");
  // Two, the beginning and the commit are sixteen; with savepoints they would be eighteen.
  expect(batches).toEqual([["7", "7"], ["7", "7"], ["7"], ["7"]]);
});

test("PG-12: what is left stands in front of what has come meanwhile", async () => {
  const first = ["a", "b", "c", "d"].map((name) => writer.run(note, name));
  const later = Promise.resolve(first[0]).then(() => writer.run(note, "e"));
  await withDeadline(Promise.all([...first, later]), 5000, "some were not answered");
  expect(batches.flat()).toEqual(["a", "b", "c", "d", "e"]);
});

test.skipIf(!onPostgres)("PG-11: what nobody waits for goes with the commit, in the order of calls", async () => {
  const connection = openWritingConnection(scratch.place);
  const ways = await connection.transaction(async (tx) => {
    const set = (value: string) => tx.db.updateTable("meta").set({ value }).where("key", "=", "note").execute();
    sent(tx, tx.db.insertInto("meta").values({ key: "note", value: "0" }).execute());
    for (let n = 1; n <= 20; n++) sent(tx, set(String(n)));
    return tx.roundTrips();
  });
  expect(ways).toBe(1);
  const { value } = await scratch.db
    .selectFrom("meta")
    .select("value")
    .where("key", "=", "note")
    .executeTakeFirstOrThrow();
  expect(value).toBe("20");
  await connection.close();
});
