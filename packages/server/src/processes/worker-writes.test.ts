import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeldTimers } from "../../test/held-timers.ts";
import { until } from "../../test/webhook-receiver.ts";
import { newNodeId } from "../bus/bus.ts";
import { batch, type ProcedureTable, single } from "../db/procedures.ts";
import { byUid, ofServer } from "../db/share.ts";
import { StorageFault } from "../db/storage-fault.ts";
import type { LoggedEvent, Outcome, WriteTransaction } from "../db/transaction.ts";
import type { WriteRequest } from "../db/write-batch.ts";
import { GroupWriter } from "../db/writer.ts";
import { ProblemError } from "../lib/problem.ts";
import { SupervisorLink } from "./supervisor-link.ts";
import { WorkerLines } from "./worker-lines.ts";
import { WorkerWrites } from "./worker-writes.ts";

/** The time that an answer has. */
const ANSWER_MS = 2000;

type Input = { uid: number; n: number };
const say = async (_: WriteTransaction, inputs: readonly Input[]): Promise<Outcome<number>[]> =>
  inputs.map(({ n }) => ({ ok: true, value: n }));
const never = async (_: WriteTransaction, _input: undefined) => {};
const table = { say: batch(say, byUid(5)), never: single(never, ofServer()) } satisfies ProcedureTable;

/** The batches that the database would get, in order; the first one waits until it is let go. */
const batches: Input[][] = [];
let release: PromiseWithResolvers<void>;
let fails: Error | undefined;
let pos = 0;
let folder: string;
let lines: WorkerLines;
/** The one queue of all workers, in the supervisor. */
let queue: GroupWriter;

const event = {
  messageId: null,
  author: null,
  storesData: true,
  cacheable: true,
  stream: "room:1",
  type: 4,
  at: 1,
  data: "1",
};
const runner = {
  run: async (requests: WriteRequest[]) => {
    batches.push(requests.map(({ input }) => input as Input));
    if (batches.length === 1) await release.promise;
    pos += 1;
    const events: LoggedEvent[] = [{ ...event, pos, seq: pos }];
    const outcomes = requests.map(({ input }) => ({ ok: true as const, value: (input as Input).n }));
    return { outcomes, events };
  },
  truncateJournal: async () => true,
  close: async () => {},
};

beforeEach(() => {
  batches.length = 0;
  pos = 0;
  fails = undefined;
  release = Promise.withResolvers();
  folder = mkdtempSync(join(tmpdir(), "parley-"));
  queue = new GroupWriter(runner, table, (events) => {
    for (const one of events) lines.onEvent(one);
  });
  lines = new WorkerLines({
    node: newNodeId(),
    answer: async (question) => {
      if (fails) throw fails;
      if (!("write" in question)) return queue.truncateJournal();
      const value = await queue.run(say, question.input as Input);
      lines.tellEvents();
      return { value, upTo: pos };
    },
    isOurs: () => true,
    onHello: (line) => line.tell({ welcome: { port: 1, wsPort: undefined, workers: 2 } }),
    onReady: () => {},
    onClosed: () => {},
    onFrozen: () => {},
  });
  lines.listen(join(folder, "s"));
});
afterEach(() => {
  lines.close();
  rmSync(folder, { recursive: true });
});

/** A worker that has handed on what its socket has brought. */
async function worker() {
  const link = await SupervisorLink.connect({ path: join(folder, "s"), onLost: () => {} });
  const at = { position: 0, announceUpTo: async () => {} };
  link.bus.subscribe((message) => {
    if (message.channel === "log") at.position = message.upTo;
  });
  return { link, at, writes: new WorkerWrites(link, table, at) };
}

test("PROC-1: writes of all workers take turns by person: one who asks for much by one worker delays nobody at another", async () => {
  using _timers = new HeldTimers(ANSWER_MS);
  const [a, b] = [await worker(), await worker()];
  const much = Array.from({ length: 1000 }, (_, n) => a.writes.run(say, { uid: 1, n }));
  await until("the first batch", () => batches.length === 1);
  const inQueue = () => (batches[0]?.length ?? 0) + queue.waiting.requests;
  await until("all of it waits in the queue of the supervisor", () => inQueue() === 1000);
  const one = b.writes.run(say, { uid: 2, n: 7 });
  await until("so does the one", () => inQueue() === 1001);
  release.resolve();
  expect(await one).toBe(7);
  expect(batches.findIndex((inputs) => inputs.some(({ uid }) => uid === 2))).toBe(1);
  expect(await Promise.all(much)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  expect(
    batches
      .flat()
      .filter(({ uid }) => uid === 1)
      .map(({ n }) => n),
  ).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  for (const { link } of [a, b]) link.close();
});

test("PROC-1: a write is answered after its events have been handed on in the worker that asked", async () => {
  const { link, at, writes } = await worker();
  release.resolve();
  for (let n = 1; n <= 50; n++) {
    await writes.run(say, { uid: 1, n });
    expect(at.position).toBe(n);
  }
  link.close();
});

test("NODE-12: retention keeps to the worker that has acknowledged least of the batches, while it serves", async () => {
  const [a, b] = [await worker(), await worker()];
  for (const { link } of [a, b]) link.tell({ ready: true });
  await until("both serve", () => lines.all.filter(({ isReady }) => isReady).length === 2);
  release.resolve();
  for (let n = 1; n <= 2; n++) await a.writes.run(say, { uid: 1, n });
  // Answered, and acknowledged by nobody.
  expect([pos, lines.lowestAnnounced(pos)]).toEqual([2, 0]);
  a.link.tell({ announced: 2 });
  await until("one has acknowledged it", () => lines.all.some(({ announced }) => announced === 2));
  expect(lines.lowestAnnounced(pos)).toBe(0);
  b.link.tell({ announced: 1 });
  await until("the other one has acknowledged the first batch", () => lines.lowestAnnounced(pos) === 1);
  // A worker that starts begins at the log's end, and what the supervisor itself has not announced stays too.
  const starting = await worker();
  await until("it is there", () => lines.all.length === 3);
  expect([lines.lowestAnnounced(pos), lines.lowestAnnounced(0)]).toEqual([1, 0]);
  b.link.close();
  await until("the one that was behind has ended", () => lines.lowestAnnounced(pos) === 2);
  for (const { link } of [a, starting]) link.close();
});

test("PROC-1: refusals cross with their code, and a storage that fails is told", async () => {
  const { link, writes } = await worker();
  const faults: string[] = [];
  writes.onFault = (fault) => faults.push(fault);
  fails = new ProblemError("forbidden", "no");
  const asked = () => writes.run(say, { uid: 1, n: 1 }).catch((error: unknown) => error);
  expect(await asked()).toMatchObject({ code: "forbidden", message: "no" });
  fails = new StorageFault("is full");
  expect(await asked()).toMatchObject({ code: "overloaded" });
  expect(faults).toEqual(["is full"]);
  link.close();
});

test("PROC-1: what the supervisor does not answer is bounded, and a close waits for what was accepted", async () => {
  using _timers = new HeldTimers(ANSWER_MS);
  const { link, writes } = await worker();
  const all = Array.from({ length: 20_001 }, (_, n) => writes.run(say, { uid: n, n }).catch((error: unknown) => error));
  expect(await all.at(-1)).toMatchObject({ code: "overloaded", retryAfterMs: 1000 });
  // It is refused at once.
  const count = link.ask({ count: { rate: "signIns", act: "check", key: "x" } });
  expect(await count.catch((error: unknown) => error)).toMatchObject({ code: "overloaded", retryAfterMs: 1000 });
  let isClosed = false;
  const closing = writes.close().then(() => {
    isClosed = true;
  });
  expect(await writes.run(say, { uid: 1, n: 1 }).catch((error: unknown) => error)).toMatchObject({ code: "draining" });
  await Bun.sleep(50);
  expect(isClosed).toBe(false);
  release.resolve();
  await closing;
  link.close();
}, 20_000);
