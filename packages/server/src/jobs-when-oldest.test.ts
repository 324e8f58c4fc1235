import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../test/chat-fixture.ts";
import { HeldTimers } from "../test/held-timers.ts";
import { until } from "../test/webhook-receiver.ts";
import type { LoggedEvent } from "./db/transaction.ts";
import { JobsWhenOldest } from "./jobs-when-oldest.ts";
import { nextTurn, withDeadline } from "./lib/interval.ts";
import { createLogger } from "./ops/logger.ts";
import { Metrics } from "./ops/metrics.ts";

const AWAY = new Error("the database is away");
/** How long it waits until it tries again. */
const AGAIN_MS = 1000;

/** Webhooks that, like the real ones, do not begin again after their end. */
class Webhooks {
  readonly happened: string[] = [];
  fails = 0;
  held: Promise<void> | undefined;
  heldAfter = Number.POSITIVE_INFINITY;

  async start() {
    this.happened.push("start");
    await this.held;
    if (this.fails-- > 0) throw AWAY;
    return async () => void this.happened.push("stop");
  }

  onEvent() {}
  onPresence() {}
}

/** A lease that becomes the oldest when a test says so. */
class Lease {
  isOldest = false;
  becomeOldest = () => {};

  onOldest(listener: () => void): void {
    this.becomeOldest = listener;
  }
}

let chat: ChatFixture;
let webhooks: Webhooks;
let lease: Lease;
let metrics: Metrics;
let jobs: JobsWhenOldest;
/** How often the database fails from now on, when it is asked for bans. */
let fails: number;
let listeners: ((event: LoggedEvent) => void)[];
let logged: string[];

beforeEach(async () => {
  chat = await ChatFixture.open();
  [webhooks, lease, metrics, fails, listeners, logged] = [new Webhooks(), new Lease(), new Metrics(), 0, [], []];
  const { scratch, context } = chat;
  const failing = {
    ...context,
    get db() {
      if (fails-- > 0) throw AWAY;
      return context.db;
    },
  };
  const storage = { ...scratch, listen: (listener: (typeof listeners)[0]) => void listeners.push(listener) };
  jobs = new JobsWhenOldest({
    config: { retention: { days: 7, minEvents: 1, maxEvents: 1 } },
    storage: storage as never,
    context: failing as never,
    webhooks: webhooks as never,
    sampler: { sample: () => Promise.reject(AWAY) },
    clock: chat.clock,
    logger: createLogger({ level: "info", sink: { write: (line) => void logged.push(line) } }),
    announced: { position: 0 },
    metrics,
  });
});
afterEach(async () => {
  await jobs.stop();
  await chat.close();
});

const begun = () => logged.filter((line) => line.includes("this node is now the oldest")).length;

test("NODE-12: the jobs begin with the oldest node, and with another one once it is the oldest", async () => {
  await jobs.start(lease);
  await nextTurn();
  expect([webhooks.happened, listeners.length]).toEqual([[], 0]);
  lease.becomeOldest();
  await until("the jobs", () => begun() === 1);
  expect(webhooks.happened).toEqual(["start"]);
  await jobs.stop();
  expect(webhooks.happened).toEqual(["start", "stop"]);
  lease.isOldest = true;
  await jobs.start(lease);
  expect(webhooks.happened).toEqual(["start", "stop", "start"]);
});

test.each([
  ["before the webhooks begin", () => (fails = 1)],
  ["while they begin", () => (webhooks.fails = 1)],
])("NODE-12: a database that fails %s is tried again, and the webhooks run then", async (_when, fail) => {
  using timers = new HeldTimers(AGAIN_MS);
  await jobs.start(lease);
  fail();
  lease.becomeOldest();
  await until("it waits for the next try", () => timers.waiting.length > 0);
  expect(begun()).toBe(0);
  timers.run();
  await until("the jobs", () => begun() === 1);
  expect(logged.filter((line) => line.includes("could not start yet"))).toHaveLength(1);
  expect(webhooks.happened.at(-1)).toBe("start");
  expect(webhooks.happened).not.toContain("stop");
  for (const listener of listeners) listener({ type: 1, seq: 1, stream: "room:1" } as LoggedEvent);
  expect(await metrics.totals()).toMatchObject({ events: 1 });
});

test("NODE-12: a stop ends what has just begun, and waits for it", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  webhooks.held = promise;
  await jobs.start(lease);
  lease.becomeOldest();
  await until("webhooks that begin", () => webhooks.happened.length === 1);
  let isStopped = false;
  const stopped = jobs.stop().then(() => {
    isStopped = true;
  });
  await nextTurn();
  expect(isStopped).toBe(false);
  resolve();
  await stopped;
  expect(webhooks.happened).toEqual(["start", "stop"]);
});

test("NODE-12: nothing begins after a stop, whether it was tried before or not", async () => {
  using timers = new HeldTimers(AGAIN_MS);
  await jobs.start(lease);
  fails = Number.POSITIVE_INFINITY;
  lease.becomeOldest();
  await until("it waits for the next try", () => timers.waiting.length > 0);
  await withDeadline(jobs.stop(), 4000, "the stop waited for the next try");
  fails = 0;
  lease.becomeOldest();
  await nextTurn();
  await jobs.stop();
  expect([webhooks.happened, logged.length]).toEqual([[], 1]);
});

test("NODE-12: where there are no other nodes a failure ends the start, and nothing of it runs on", async () => {
  webhooks.fails = 1;
  let sweeps = 0;
  chat.context.logins.sweep = async () => void sweeps++;
  await expect(jobs.start(undefined)).rejects.toThrow(AWAY);
  // The last look at what has expired belongs to the end of the jobs.
  expect(sweeps).toBe(1);
  expect(jobs.counted).toBeUndefined();
  await jobs.start(undefined);
  expect(webhooks.happened).toEqual(["start", "start"]);
});
