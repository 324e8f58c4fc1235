/** The writer above a runner and a listener that do what a test says: slow, failing, forgetful. */
import { beforeEach, expect, test } from "bun:test";
import { done, EVENT, FakeRunner, settled } from "../../test/fake-runner.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { single } from "./procedures.ts";
import { ofServer } from "./share.ts";
import type { WriteTransaction } from "./transaction.ts";
import { carryError } from "./write-batch.ts";
import { GroupWriter } from "./writer.ts";

async function echo(_tx: WriteTransaction, name: string) {
  return name;
}
const table = { echo: single(echo, ofServer()) };

let runner: FakeRunner;
beforeEach(() => {
  runner = new FakeRunner();
});

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

test("a slow listener holds up the answers of its batch, and not the next batch", async () => {
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
  const last = await runner.next();
  last.answer(done(last.names));
  expect(await withDeadline(second, 3000, "the second was not answered")).toBe("second");
  const closing = writer.close();
  expect(await settled(closing)).toBe(false);
  expect(await settled(first)).toBe(false);
  gate.resolve();
  expect(await withDeadline(first, 3000, "the first was not answered")).toBe("first");
  await withDeadline(closing, 3000, "the writer did not close");
});

test("a listener that fails late fails the callers of its batch, and no later one", async () => {
  const gate = Promise.withResolvers<void>();
  const writer = new GroupWriter(runner, table, () => gate.promise);
  const first = Promise.allSettled([writer.run(echo, "a")]);
  const batch = await runner.next();
  batch.answer(done(batch.names, [EVENT]));
  gate.reject(new Error("the listener failed"));
  expect(await first).toMatchObject([{ status: "rejected", reason: { message: "the listener failed" } }]);
  const second = writer.run(echo, "c");
  const last = await runner.next();
  last.answer(done(last.names));
  expect(await withDeadline(second, 3000, "the writer stands still")).toBe("c");
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

test("what a batch has left runs in the next one, also if the listener fails, at once or late", async () => {
  for (const fails of [
    () => {
      throw new Error("the listener failed");
    },
    () => Promise.reject(new Error("the listener failed")),
  ]) {
    const writer = new GroupWriter(runner, table, fails);
    const [first, second] = [Promise.allSettled([writer.run(echo, "a")]), writer.run(echo, "b")];
    const batch = await runner.next();
    batch.answer({ outcomes: [{ ok: true, value: "a" }, null], events: [EVENT] });
    expect(await first).toMatchObject([{ status: "rejected", reason: { message: "the listener failed" } }]);
    const last = await runner.next();
    expect(last.names).toEqual(["b"]);
    last.answer(done(last.names));
    expect(await withDeadline(second, 3000, "what was left has not run")).toBe("b");
  }
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

test("an answer that has to wait for something else holds up no other one", async () => {
  const gate = Promise.withResolvers<void>();
  const asked: [procedure: string, upTo: number][] = [];
  const writer = new GroupWriter(runner, table, undefined, (procedure, upTo) => {
    asked.push([procedure.name, upTo]);
    return asked.length === 1 ? gate.promise : undefined;
  });
  const first = writer.run(echo, "a");
  const second = writer.run(echo, "b");
  // Nothing is over where nothing was written.
  const refused = Promise.allSettled([writer.run(echo, "c")]);
  const batch = await runner.next();
  const error = carryError(new Error("no"));
  const value = (of: string) => ({ ok: true, value: of }) as const;
  batch.answer({ outcomes: [value("a"), value("b"), { ok: false, error }], events: [EVENT, { ...EVENT, pos: 7 }] });
  expect(await refused).toMatchObject([{ status: "rejected", reason: { message: "no" } }]);
  expect(await withDeadline(second, 3000, "the second was not answered")).toBe("b");
  expect(await settled(first)).toBe(false);
  const closing = writer.close();
  expect(await settled(closing)).toBe(false);
  gate.resolve();
  expect(await first).toBe("a");
  await withDeadline(closing, 3000, "the writer did not close");
  expect(asked).toEqual([
    ["echo", 7],
    ["echo", 7],
  ]);
});

test("an answer whose wait fails fails its caller", async () => {
  const writer = new GroupWriter(runner, table, undefined, () => Promise.reject(new Error("the bus failed")));
  const answer = Promise.allSettled([writer.run(echo, "a")]);
  const batch = await runner.next();
  batch.answer(done(batch.names));
  expect(await withDeadline(answer, 3000, "it was not answered")).toMatchObject([
    { status: "rejected", reason: { message: "the bus failed" } },
  ]);
});

test("a close waits for answers that have waited for their events, and then for something else", async () => {
  const [events, others] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const writer = new GroupWriter(
    runner,
    table,
    () => events.promise,
    () => others.promise,
  );
  const answer = writer.run(echo, "a");
  const batch = await runner.next();
  batch.answer(done(batch.names, [EVENT]));
  expect(await settled(answer)).toBe(false);
  const closing = writer.close();
  events.resolve();
  expect(await settled(closing)).toBe(false);
  expect(runner.closed).toBe(false);
  others.resolve();
  expect(await withDeadline(answer, 3000, "it was not answered")).toBe("a");
  await withDeadline(closing, 3000, "the writer did not close");
  expect(runner.closed).toBe(true);
});
