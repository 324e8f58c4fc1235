import { afterEach, beforeEach, expect, test } from "bun:test";
import { sql } from "kysely";
import { takeSpace } from "../../test/no-space.ts";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { onPostgres } from "../../test/test-database.ts";
import { append } from "../event-log/event-log.ts";
import { ManualClock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { openWritingConnection } from "./open.ts";
import { batch, single } from "./procedures.ts";
import { RoundTripBudget } from "./round-trip-budget.ts";
import { ofServer } from "./share.ts";
import { StorageFault } from "./storage-fault.ts";
import type { Outcome, WriteTransaction } from "./transaction.ts";
import { carryError, revivedError, writeBatch } from "./write-batch.ts";
import type { WritingConnection } from "./writing-connection.ts";

/** Stores a row and logs an event. */
async function note(tx: WriteTransaction, key: string): Promise<string> {
  await tx.db.insertInto("meta").values({ key, value: "noted" }).execute();
  await append(tx, [{ stream: "room:1", type: 4, data: () => JSON.stringify({ key }) }]);
  return key;
}
async function failing(tx: WriteTransaction, key: string): Promise<void> {
  await note(tx, key);
  throw new Error(`no ${key}`);
}
async function refusing(_tx: WriteTransaction, key: string): Promise<void> {
  throw new ProblemError("conflict", `not ${key}`);
}
async function refusingLate(tx: WriteTransaction, key: string): Promise<void> {
  await note(tx, key);
  throw new ProblemError("conflict", `not ${key} any more`);
}
/** Needs more room than the test leaves. */
async function large(tx: WriteTransaction, key: string): Promise<void> {
  await note(tx, key);
  await tx.db
    .updateTable("meta")
    .set({ value: "x".repeat(100_000) })
    .where("key", "=", key)
    .execute();
}
/** Refuses each that begins with an x, and fails at "fault". */
async function noteAll(tx: WriteTransaction, keys: readonly string[]): Promise<Outcome<string>[]> {
  const outcomes: Outcome<string>[] = [];
  for (const key of keys) {
    if (key.startsWith("x")) outcomes.push({ ok: false, error: new ProblemError("conflict") });
    else outcomes.push({ ok: true, value: await note(tx, key) });
  }
  if (keys.includes("fault")) throw new Error("no fault");
  return outcomes;
}

const table = {
  note: single(note, ofServer()),
  failing: single(failing, ofServer()),
  large: single(large, ofServer()),
  refusing: single(refusing, ofServer()),
  refusingLate: single(refusingLate, ofServer()),
  noteAll: batch(noteAll, ofServer()),
};

let scratch: Scratch;
let connection: WritingConnection;
/** The text of each statement that was run. */
let statements: string[];
beforeEach(async () => {
  scratch = await openScratch();
  statements = [];
  const clock = new ManualClock(1000);
  connection = openWritingConnection(scratch.place, { clock, log: ({ query }) => void statements.push(query.sql) });
});
afterEach(async () => {
  await connection.close();
  await scratch.close();
});

const run = (...requests: [keyof typeof table, string][]) =>
  writeBatch(
    { connection, table, budget: new RoundTripBudget() },
    requests.map(([name, input]) => ({ name, input })),
  );
const keys = async () => {
  const rows = await scratch.db.selectFrom("meta").select("key").where("value", "=", "noted").orderBy("key").execute();
  return rows.map(({ key }) => key);
};
/** What the events say, and where they stand, as they are told and as they are stored. */
const logged = async (events: { pos: number; seq: number; data: string }[]) => {
  const stored = await scratch.db.selectFrom("events").select(["pos", "seq", "data"]).orderBy("pos").execute();
  expect(events.map(({ pos, seq, data }) => ({ pos, seq, data: data as string | null }))).toEqual(stored);
  return stored.map(({ pos, seq, data }) => [pos, seq, JSON.parse(data as string).key]);
};
const guards = () => statements.filter((text) => /savepoint|rollback/.test(text));

test("a procedure that fails is undone alone, with its events and their numbers", async () => {
  const { outcomes, events } = await run(["note", "a"], ["failing", "b"], ["note", "c"], ["failing", "d"]);
  expect(outcomes).toMatchObject([
    { ok: true, value: "a" },
    { ok: false, error: { message: "no b" } },
    { ok: true, value: "c" },
    { ok: false, error: { message: "no d" } },
  ]);
  expect(await keys()).toEqual(["a", "c"]);
  expect(await logged(events)).toEqual([
    [1, 1, "a"],
    [2, 2, "c"],
  ]);
});

test("of a procedure that fails alone in its batch nothing stays", async () => {
  await expect(run(["failing", "a"])).rejects.toThrow("no a");
  expect(await keys()).toEqual([]);
  expect(await logged((await run(["note", "b"])).events)).toEqual([[1, 1, "b"]]);
});

test("all inputs of a batch procedure that fails are undone, and nothing else", async () => {
  const { outcomes, events } = await run(["note", "a"], ["noteAll", "b"], ["noteAll", "fault"], ["note", "c"]);
  expect(outcomes.map((outcome) => outcome?.ok)).toEqual([true, false, false, true]);
  expect(await keys()).toEqual(["a", "c"]);
  expect(await logged(events)).toEqual([
    [1, 1, "a"],
    [2, 2, "c"],
  ]);
});

test("kinds are mixed: a batch procedure runs at the place of its first input, and each gets its own outcome", async () => {
  const { outcomes, events } = await run(
    ["note", "a"],
    ["noteAll", "b"],
    ["refusing", "c"],
    ["noteAll", "x"],
    ["note", "d"],
    ["noteAll", "e"],
  );
  expect(outcomes).toMatchObject([
    { ok: true, value: "a" },
    { ok: true, value: "b" },
    { ok: false, error: { code: "conflict", message: "not c" } },
    { ok: false, error: { code: "conflict" } },
    { ok: true, value: "d" },
    { ok: true, value: "e" },
  ]);
  expect((await logged(events)).map(([, , key]) => key)).toEqual(["a", "b", "e", "d"]);
});

test("a refusal costs no savepoint and no rollback, alone or among others; a fault does", async () => {
  await run(["refusing", "a"]);
  await run(["note", "b"], ["refusing", "c"], ["noteAll", "x"], ["note", "d"]);
  expect(guards()).toEqual([]);
  expect(await keys()).toEqual(["b", "d"]);
  await run(["note", "e"], ["failing", "f"]);
  const release = "release savepoint one";
  const [first, second] = [
    ["savepoint one", release],
    ["savepoint one", "rollback to savepoint one", release],
  ];
  expect(statements.filter((text) => text.includes("savepoint"))).toEqual([...first, ...second]);
});

test.skipIf(onPostgres)("in this process a batch with savepoints is no shorter than others", async () => {
  const { outcomes } = await run(["failing", "a"], ...[..."bcdefghi"].map((key): ["note", string] => ["note", key]));
  expect(outcomes.map((outcome) => outcome?.ok)).toEqual([false, ...Array(8).fill(true)]);
});

test("a refusal after a write is a fault, and undone", async () => {
  await expect(run(["refusingLate", "a"])).rejects.toThrow("refusingLate refused (conflict) after it had written");
  const { outcomes, events } = await run(["note", "b"], ["refusingLate", "c"], ["note", "d"]);
  expect(outcomes.map((outcome) => outcome?.ok)).toEqual([true, false, true]);
  expect((outcomes[1] as { error: Error }).error).not.toBeInstanceOf(ProblemError);
  expect(await keys()).toEqual(["b", "d"]);
  expect((await logged(events)).map(([, , key]) => key)).toEqual(["b", "d"]);
});

test("what crosses between the threads is the whole error: a refusal with its wait and its fields, a fault with its stack", () => {
  const crossed = (error: Error) => revivedError(JSON.parse(JSON.stringify(carryError(error))));
  const refusal = new ProblemError("overloaded", "not now", { retryAfterMs: 1500, extra: { roomIds: [2, 3] } });
  expect(crossed(refusal)).toBeInstanceOf(ProblemError);
  expect(crossed(refusal)).toMatchObject({
    code: "overloaded",
    message: "not now",
    retryAfterMs: 1500,
    extra: { roomIds: [2, 3] },
  });
  const bare = crossed(new ProblemError("conflict", "not so")) as ProblemError;
  expect([bare.code, bare.message, bare.retryAfterMs, bare.extra]).toEqual([
    "conflict",
    "not so",
    undefined,
    undefined,
  ]);
  const fault = new Error("no disk");
  expect(crossed(fault)).not.toBeInstanceOf(ProblemError);
  expect(crossed(fault)).toMatchObject({ message: "no disk", stack: fault.stack });
});

test("HTTP-50: a database that cannot grow is told as such, by whichever of a batch, and nothing of the batch stays", async () => {
  if (onPostgres) await takeSpace(scratch.place, "update on meta");
  else {
    await connection.transaction(async ({ db }) => {
      const { page_count: pages } = (await sql<{ page_count: number }>`pragma page_count`.execute(db)).rows[0] as never;
      await sql`pragma max_page_count = ${sql.lit((pages as number) + 5)}`.execute(db);
    });
  }
  statements.length = 0;
  for (const requests of [
    [["large", "alone"]],
    [
      ["note", "a"],
      ["large", "b"],
      ["note", "c"],
    ],
    // Another one's fault has it run with savepoints.
    [
      ["failing", "a"],
      ["large", "b"],
    ],
  ] as [keyof typeof table, string][][]) {
    const error = await run(...requests).catch((thrown: Error) => revivedError(carryError(thrown)));
    expect(error).toBeInstanceOf(StorageFault);
    expect(error).toMatchObject({
      ...{ code: "overloaded", status: 503, retryAfterMs: 5000 },
      fault: expect.stringContaining("cannot grow, since its disk is full ("),
    });
  }
  const rows = await scratch.db.selectFrom("meta").select("key").where("key", "in", ["alone", "a", "b", "c"]).execute();
  expect(rows).toEqual([]);
  // Begun anew only where a fault of ours asked for it.
  expect(statements.filter((text) => text.startsWith("savepoint"))).toHaveLength(2);
});
