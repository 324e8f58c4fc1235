/** The writer above a runner and a listener that do what a test says: slow, failing, forgetful. */
import { beforeEach, expect, test } from "bun:test";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { single } from "./procedures.ts";
import { ofServer } from "./share.ts";
import type { LoggedEvent, WriteTransaction } from "./transaction.ts";
import type { WriteRequest } from "./write-batch.ts";
import { type BatchReply, type BatchRunner, GroupWriter } from "./writer.ts";

async function echo(_tx: WriteTransaction, name: string) {
  return name;
}
const table = { echo: single(echo, ofServer()) };

/** Answers each batch when the test says so. */
class FakeRunner implements BatchRunner {
  /** What was asked and is not answered. */
  readonly asked: { names: string[]; answer: (reply: BatchReply) => void; fail: (error: Error) => void }[] = [];
  closed = false;
  readonly #happened: (() => void)[] = [];

  run(requests: WriteRequest[]): Promise<BatchReply> {
    const { promise, resolve, reject } = Promise.withResolvers<BatchReply>();
    this.asked.push({ names: requests.map(({ input }) => input as string), answer: resolve, fail: reject });
    for (const happened of this.#happened.splice(0)) happened();
    return promise;
  }

  truncateJournal(): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.asked.push({ names: ["truncate"], answer: () => resolve(true), fail: reject });
    for (const happened of this.#happened.splice(0)) happened();
    return promise;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** The next batch that is asked. */
  async next() {
    while (this.asked.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#happened.push(resolve);
      await withDeadline(promise, 3000, "no batch was asked");
    }
    return this.asked.shift() as (typeof this.asked)[number];
  }
}

const EVENT: LoggedEvent = {
  ...{ pos: 1, stream: "room:1", seq: 1, type: 4, messageId: null, data: "{}" },
  ...{ storesData: true, author: null, cacheable: true, at: 1 },
};
const done = (names: string[], events: LoggedEvent[] = []): BatchReply => ({
  outcomes: names.map((value) => ({ ok: true, value })),
  events,
});

let runner: FakeRunner;
beforeEach(() => {
  runner = new FakeRunner();
});

/** Whether a promise has been settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  return Promise.race([promise.then(() => true), Promise.resolve(false)]).catch(() => true);
}

test("a close waits for the batch that runs and for what was accepted behind it", async () => {
  const writer = new GroupWriter(runner, table);
  const first = writer.run(echo, "first");
  const batch = await runner.next();
  const second = writer.run(echo, "second");
  const closing = writer.close();
  expect(await settled(closing)).toBe(false);
  expect(runner.closed).toBe(false);
  batch.answer(done(batch.names));
  expect(await first).toBe("first");
  const last = await runner.next();
  expect(last.names).toEqual(["second"]);
  expect(await settled(closing)).toBe(false);
  expect(runner.closed).toBe(false);
  last.answer(done(last.names));
  expect(await second).toBe("second");
  await withDeadline(closing, 3000, "the writer did not close");
  expect(runner.closed).toBe(true);
});

test("a slow listener holds up the answers and the next batch, so that nothing is told out of order", async () => {
  const gate = Promise.withResolvers<void>();
  const told: number[] = [];
  const writer = new GroupWriter(runner, table, async (events) => {
    told.push(events.length);
    await gate.promise;
  });
  const first = writer.run(echo, "first");
  const batch = await runner.next();
  const second = writer.run(echo, "second");
  batch.answer(done(batch.names, [EVENT]));
  expect(await settled(first)).toBe(false);
  expect(told).toEqual([1]);
  expect(runner.asked).toEqual([]);
  gate.resolve();
  expect(await withDeadline(first, 3000, "the first was not answered")).toBe("first");
  const last = await runner.next();
  last.answer(done(last.names));
  expect(await second).toBe("second");
});

test("a listener that throws fails the callers of its batch, and no later one", async () => {
  let fails = true;
  const writer = new GroupWriter(runner, table, () => {
    if (fails) throw new Error("the listener failed");
  });
  const first = Promise.allSettled([writer.run(echo, "a"), writer.run(echo, "b")]);
  const batch = await runner.next();
  batch.answer(done(batch.names, [EVENT]));
  expect(await first).toMatchObject([
    { status: "rejected", reason: { message: "the listener failed" } },
    { status: "rejected", reason: { message: "the listener failed" } },
  ]);
  fails = false;
  const second = writer.run(echo, "c");
  const last = await runner.next();
  last.answer(done(last.names, [EVENT]));
  expect(await withDeadline(second, 3000, "the writer stands still")).toBe("c");
});

test("a listener is not told of a batch without events", async () => {
  let told = 0;
  const writer = new GroupWriter(runner, table, () => void told++);
  const first = writer.run(echo, "a");
  const batch = await runner.next();
  batch.answer(done(batch.names));
  expect(await first).toBe("a");
  expect(told).toBe(0);
});

test("an outcome that is lost fails its caller alone", async () => {
  const writer = new GroupWriter(runner, table);
  const all = Promise.allSettled(["a", "b", "c"].map((name) => writer.run(echo, name)));
  const batch = await runner.next();
  batch.answer(done(batch.names.slice(0, 2)));
  expect(await withDeadline(all, 3000, "a caller was forgotten")).toMatchObject([
    { status: "fulfilled", value: "a" },
    { status: "fulfilled", value: "b" },
    { status: "rejected", reason: { message: "the writer lost an outcome" } },
  ]);
});

test.each<[string, (batch: Awaited<ReturnType<FakeRunner["next"]>>) => void]>([
  ["fails", (batch) => batch.answer({ failed: { fault: "no disk", stack: undefined } })],
  ["throws", (batch) => batch.fail(new Error("no disk"))],
])("a runner that %s fails the whole batch, and the next one runs", async (_, fail) => {
  const writer = new GroupWriter(runner, table);
  const all = Promise.allSettled([writer.run(echo, "a"), writer.run(echo, "b")]);
  fail(await runner.next());
  const failed = { status: "rejected", reason: { message: "no disk" } };
  expect(await all).toMatchObject([failed, failed]);
  const next = writer.run(echo, "c");
  const batch = await runner.next();
  batch.answer(done(batch.names));
  expect(await withDeadline(next, 3000, "the writer stands still")).toBe("c");
});

test("callers who ask again at once are written in two groups that take turns, and a burst is one batch", async () => {
  const writes = new GroupWriter(runner, table);
  const results: Promise<string>[] = [];
  /** A few writes a turn, as sockets become readable one after another. */
  const arrive = async (count: number) => {
    for (let n = 0; n < count; n++) {
      results.push(writes.run(echo, `${n}`));
      if (n % 4 === 3) await nextTurn();
    }
  };
  void arrive(64);
  const first = await runner.next();
  expect(first.names).toHaveLength(64);
  first.answer(done(first.names));
  await Promise.all(results);
  // The same callers ask again, one after another: the first half of them is not kept waiting for the second half.
  void arrive(64);
  const half = await runner.next();
  expect(half.names).toHaveLength(32);
  expect(await settled(results.at(-1) as Promise<string>)).toBe(false);
  half.answer(done(half.names));
  const rest = await runner.next();
  rest.answer(done(rest.names));
  // What waits together is written together, whatever came before.
  const burst = Array.from({ length: 100 }, (_, n) => writes.run(echo, `burst ${n}`));
  const names: string[] = [];
  while (names.length < 100) {
    const batch = await runner.next();
    names.push(...batch.names.filter((name) => name.startsWith("burst")));
    batch.answer(done(batch.names));
  }
  expect(await Promise.all(burst)).toHaveLength(100);
  expect(names).toHaveLength(100);
});

test("the journal is truncated between two batches, before what waits, and its failure is its caller's alone", async () => {
  const writer = new GroupWriter(runner, table);
  const first = writer.run(echo, "first");
  const batch = await runner.next();
  const truncated = writer.truncateJournal();
  const second = writer.run(echo, "second");
  expect(runner.asked).toEqual([]);
  batch.answer(done(["first"]));
  await first;
  const truncation = await runner.next();
  expect([truncation.names, runner.asked]).toEqual([["truncate"], []]);
  truncation.fail(new Error("the disk is full"));
  await expect(truncated).rejects.toThrow("the disk is full");
  (await runner.next()).answer(done(["second"]));
  expect(await second).toBe("second");
});

test("the journal is truncated where nothing is written, and not after a close", async () => {
  const writer = new GroupWriter(runner, table);
  const truncated = writer.truncateJournal();
  (await runner.next()).answer(done([]));
  expect(await truncated).toBe(true);
  await writer.close();
  await expect(writer.truncateJournal()).rejects.toMatchObject({ code: "draining" });
});

test("a truncation that is asked for while another one runs comes next, though nobody writes", async () => {
  const writer = new GroupWriter(runner, table);
  const first = writer.truncateJournal();
  const running = await runner.next();
  const second = writer.truncateJournal();
  running.answer(done([]));
  expect(await first).toBe(true);
  (await runner.next()).answer(done([]));
  expect(await withDeadline(second, 3000, "the second one was forgotten")).toBe(true);
});

test("256 requests wait for runWhenIdle, one more is refused with the time to wait, and the others are written one by one", async () => {
  const writer = new GroupWriter(runner, table);
  const all = Promise.all(Array.from({ length: 256 }, (_, n) => writer.runWhenIdle(echo, `${n}`)));
  const refused = withDeadline(writer.runWhenIdle(echo, "one more"), 3000, "one more was not refused");
  await expect(refused).rejects.toMatchObject({ code: "overloaded", retryAfterMs: 1000 });
  for (let n = 0; n < 256; n++) {
    const batch = await runner.next();
    expect(batch.names).toEqual([`${n}`]);
    batch.answer(done(batch.names));
  }
  expect(await all).toHaveLength(256);
});

test("a writer that was closed refuses, and asks nothing of its runner", async () => {
  const writer = new GroupWriter(runner, table);
  await writer.close();
  for (const how of ["run", "runWhenIdle"] as const) {
    const late = withDeadline(writer[how](echo, "late"), 3000, "it was not refused");
    await expect(late).rejects.toMatchObject({ code: "draining" });
  }
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  expect(runner.asked).toEqual([]);
});
