/** The writer above a database that fails, or that stands still: nobody waits behind others who wait in vain. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { done, FakeRunner, settled } from "../../test/fake-runner.ts";
import { HeldTimers } from "../../test/held-timers.ts";
import { withDeadline } from "../lib/interval.ts";
import { single } from "./procedures.ts";
import { ofServer } from "./share.ts";
import type { WriteTransaction } from "./transaction.ts";
import { GroupWriter } from "./writer.ts";

async function echo(_tx: WriteTransaction, name: string) {
  return name;
}
async function large(_tx: WriteTransaction, name: string) {
  return name;
}
// A large one is a batch of its own.
const table = { echo: single(echo, ofServer()), large: single(large, { by: () => 1, rows: () => 2001 }) };

/** How long a batch may take after a fault until it shows that nothing has changed. */
const TRY_MS = 1000;
const STANDS_STILL = { failed: { storageFault: "cannot be reached (no answer for 7 s)." } };
const REFUSED = {
  status: "rejected",
  reason: { code: "overloaded", status: 503, retryAfterMs: 5000, fault: STANDS_STILL.failed.storageFault },
};

let runner: FakeRunner;
let writer: GroupWriter;
beforeEach(() => {
  runner = new FakeRunner();
  writer = new GroupWriter(runner, table);
});
afterEach(() => void jest.useRealTimers());

/** What becomes of writes, which is known without anything further happening. */
const atOnce = (writes: Promise<unknown>[]) => withDeadline(Promise.allSettled(writes), 3000, "they went on waiting");

test("HTTP-50: what waits behind a batch that fails by a fault of the storage fails with it, and is not written later", async () => {
  const first = writer.run(echo, "first");
  const batch = await runner.next();
  const behind = Array.from({ length: 600 }, (_, n) => writer.run(echo, `${n}`));
  const ahead = [writer.run(large, "large"), writer.runWhenIdle(echo, "idle"), writer.runWhenIdle(echo, "idle too")];
  batch.answer(STANDS_STILL);
  for (const answer of await atOnce([first, ...behind, ...ahead])) expect(answer).toMatchObject(REFUSED);
  expect(writer.waiting).toEqual({ requests: 0, rows: 0 });
  // The next one tries the database again, alone.
  const next = writer.run(echo, "next");
  const last = await runner.next();
  expect(last.names).toEqual(["next"]);
  last.answer(done(["next"]));
  expect(await next).toBe("next");
  expect(runner.asked).toEqual([]);
});

test("HTTP-50: what a batch has left fails with the one that was to write it", async () => {
  const all = ["a", "b", "c"].map((name) => writer.run(echo, name));
  const first = await runner.next();
  first.answer({ outcomes: [{ ok: true, value: "a" }, null, null], events: [] });
  const second = await runner.next();
  expect(second.names).toEqual(["b", "c"]);
  second.answer({ outcomes: [null, null], events: [] });
  (await runner.next()).answer(STANDS_STILL);
  expect(await atOnce(all)).toMatchObject([{ status: "fulfilled", value: "a" }, REFUSED, REFUSED]);
  expect(runner.asked).toEqual([]);
});

test("a fault of ours fails its batch alone: what waits behind it is written", async () => {
  const first = writer.run(echo, "first");
  const batch = await runner.next();
  const behind = writer.run(echo, "behind");
  batch.answer({ failed: { fault: "no", stack: undefined } });
  expect(await atOnce([first])).toMatchObject([{ status: "rejected", reason: { message: "no" } }]);
  const last = await runner.next();
  last.answer(done(last.names));
  expect(await behind).toBe("behind");
});

test("HTTP-50: behind a first batch that takes long everybody waits; it may be about to end", async () => {
  jest.useFakeTimers();
  const first = writer.run(echo, "first");
  const batch = await runner.next();
  const behind = writer.run(echo, "behind");
  jest.advanceTimersByTime(60_000);
  expect(await settled(behind)).toBe(false);
  batch.answer(done(batch.names));
  expect(await first).toBe("first");
  const last = await runner.next();
  last.answer(done(last.names));
  expect(await behind).toBe("behind");
});

test("HTTP-50: after a fault a batch that does not end soon shows that the storage stands still, and nobody waits for it", async () => {
  using timers = new HeldTimers(TRY_MS);
  const first = writer.run(echo, "first");
  (await runner.next()).answer(STANDS_STILL);
  expect(await atOnce([first])).toMatchObject([REFUSED]);
  const next = writer.run(echo, "next");
  const tried = await runner.next();
  // Until then it may be a database that works again.
  const waits = writer.run(echo, "waits");
  const idle = writer.runWhenIdle(echo, "idle");
  expect([await settled(waits), timers.waiting]).toEqual([false, [TRY_MS]]);
  timers.run();
  expect(await atOnce([waits, idle])).toMatchObject([REFUSED, REFUSED]);
  const late = [writer.run(echo, "late"), writer.runWhenIdle(echo, "late")];
  expect(await atOnce(late)).toMatchObject([REFUSED, REFUSED]);
  // The one that tries is not given up: what becomes of it is its own matter.
  expect(await settled(next)).toBe(false);
  tried.answer(done(tried.names));
  expect(await next).toBe("next");
  const well = writer.run(echo, "well");
  const last = await runner.next();
  expect(last.names).toEqual(["well"]);
  last.answer(done(last.names));
  expect(await well).toBe("well");
});

test("HTTP-50: once a batch was written, the next one that takes long is waited for as before", async () => {
  jest.useFakeTimers();
  const first = writer.run(echo, "first");
  (await runner.next()).answer(STANDS_STILL);
  await atOnce([first]);
  const next = writer.run(echo, "next");
  const tried = await runner.next();
  tried.answer(done(tried.names));
  await next;
  const long = writer.run(echo, "long");
  const batch = await runner.next();
  const behind = writer.run(echo, "behind");
  jest.advanceTimersByTime(60_000);
  expect(await settled(behind)).toBe(false);
  batch.answer(done(batch.names));
  await long;
  (await runner.next()).answer(done(["behind"]));
  expect(await behind).toBe("behind");
});
