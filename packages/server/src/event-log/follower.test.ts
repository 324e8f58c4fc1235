import { afterEach, beforeEach, expect, test } from "bun:test";
import { HeldAnswers } from "../../test/held-answers.ts";
import { HeldTimers } from "../../test/held-timers.ts";
import { keepNewest, type LogRig, openLog } from "../../test/log-rig.ts";
import { ManualClock } from "../lib/clock.ts";
import { delay, withDeadline } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { Metrics } from "../ops/metrics.ts";
import { Retention } from "../retention/retention.ts";
import { type FollowedBatch, Follower, type FollowerParts } from "./follower.ts";

const DAY = 24 * 3_600_000;
/** How often a place is written. */
const SAVE_MS = 1000;

let rig: LogRig;
let clock: ManualClock;
let metrics: Metrics;
let lines: string[];
let stops: (() => Promise<void>)[];
beforeEach(async () => {
  clock = new ManualClock();
  metrics = new Metrics();
  lines = [];
  stops = [];
  rig = await openLog({ clock });
});
afterEach(async () => {
  for (const stop of stops) await stop();
  await rig.close();
});

/** A follower that records what it gets; `handle` runs for each batch before that. */
async function follow(
  handle: FollowerParts["handle"] = async () => {},
  name = "bot",
  reader: FollowerParts["reader"] = rig.reader,
) {
  const handled: number[] = [];
  const { announcer, scratch } = rig;
  const logger = createLogger({ level: "info", sink: { write: (line) => lines.push(line) } });
  const follower = new Follower({
    ...{ name, reader, announcer, writes: scratch.writes, clock, logger, metrics },
    handle: async (batch, signal) => {
      await handle(batch, signal);
      handled.push(...batch.events.map(({ pos }) => pos));
    },
  });
  scratch.listen((event) => follower.onEvent(event));
  const stop = await follower.start();
  stops.push(stop);
  return { follower, handled, stop };
}

const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream, at: clock.now() }));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await withDeadline(
    (async () => {
      while (!(await holds())) await delay(5);
    })(),
    5000,
    `never: ${what}`,
  );
}

async function storedPlace(name = "bot"): Promise<number | undefined> {
  const row = await rig.scratch.db.selectFrom("followers").select("pos").where("name", "=", name).executeTakeFirst();
  return row?.pos;
}

test("HOOK-1: a new follower begins at the log's end, and is given every event from then on, once and in order", async () => {
  await rig.append(...many(3));
  const { handled, follower } = await follow();
  for (let n = 0; n < 5; n++) await rig.append(...many(100, `room:${n}`));
  await until("all handled", () => handled.length === 500);
  expect(handled).toEqual(range(4, 503));
  expect(follower.place).toBe(503);
});

test("HOOK-1: the place is written once a second and at the end, and a later start goes on there", async () => {
  using timers = new HeldTimers(SAVE_MS);
  const first = await follow();
  await rig.append(...many(10));
  await until("handled", () => first.handled.length === 10);
  expect([await storedPlace(), timers.waiting]).toEqual([0, [SAVE_MS]]);
  timers.run();
  await until("written", async () => (await storedPlace()) === 10);
  await rig.append(...many(5));
  await until("handled", () => first.handled.length === 15);
  await first.stop();
  expect(await storedPlace()).toBe(15);
  await rig.append(...many(2));
  const second = await follow();
  await until("handled", () => second.handled.length === 2);
  expect(second.handled).toEqual([16, 17]);
});

test("HOOK-1: what was handled and not yet written down when the process ended is handled again", async () => {
  using _timers = new HeldTimers(SAVE_MS);
  const first = await follow();
  await rig.append(...many(20));
  await until("handled", () => first.handled.length === 20);
  // The end of a process stops nothing and writes nothing: a second process finds only what the database holds.
  expect(await storedPlace()).toBe(0);
  const second = await follow();
  await until("handled", () => second.handled.length === 20);
  expect(second.handled).toEqual(range(1, 20));
});

test("HOOK-1: a batch that fails is tried again, nothing behind it is handled before, and the failure is told", async () => {
  let failures = 3;
  const { handled, follower } = await follow(async () => {
    if (failures-- > 0) throw new Error("the receiver is gone");
  });
  await rig.append(...many(2));
  await rig.append(...many(2));
  await until("handled", () => handled.length >= 4);
  expect(handled).toEqual([1, 2, 3, 4]);
  expect(follower.lag()).toEqual({ events: 0, seconds: 0 });
  expect(lines.filter((line) => line.includes("could not be handled yet"))).toHaveLength(3);
  expect(await metrics.text()).toContain('parley_follower_failures_total{follower="bot"} 3');
});

test("HOOK-1: a slow one is given one batch at a time, holds up nothing else, and shows how far it is behind", async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const slow = await follow(async () => {
    running += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
  }, "slow");
  const quick = await follow(undefined, "quick");
  await rig.append(...many(1));
  await until("begun", () => running === 1);
  await rig.append(...many(700));
  await until("the other one is through", () => quick.handled.length === 701);
  clock.advance(90_000);
  expect(slow.follower.lag()).toEqual({ events: 701, seconds: 90 });
  const page = await metrics.text();
  expect(page).toContain('parley_follower_lag_events{follower="slow"} 701');
  expect(page).toContain('parley_follower_lag_seconds{follower="slow"} 90');
  expect(page).toContain('parley_follower_lag_events{follower="quick"} 0');
  gate.resolve();
  await until("through", () => slow.handled.length === 701);
  expect([most, slow.handled]).toEqual([1, range(1, 701)]);
});

test("HOOK-1: a stop tells the batch that runs, gives no further one, and what was not handled comes again", async () => {
  const begun = Promise.withResolvers<void>();
  const first = await follow(async (_, signal) => {
    begun.resolve();
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
  });
  await rig.append(...many(3));
  await begun.promise;
  await first.stop();
  expect([first.handled, await storedPlace()]).toEqual([[], 0]);
  expect(lines).toEqual([]);
  const second = await follow();
  await until("handled", () => second.handled.length === 3);
});

test("HOOK-1: a batch that is being read at a stop is not handled any more", async () => {
  const held = new HeldAnswers();
  let calls = 0;
  const { stop } = await follow(async () => void calls++, "bot", {
    all: (after, limit) => held.hold(rig.reader.all(after, limit)),
  });
  await rig.append(...many(3));
  await until("it is read", () => held.waiting === 1);
  const stopped = stop();
  await held.open();
  await stopped;
  expect([calls, await storedPlace()]).toEqual([0, 0]);
});

/** Everything is removed that is old and surplus enough, as far as followers allow. */
async function trim(follower: Follower): Promise<number> {
  const { db, writes } = rig.scratch;
  const limits = { days: 0, minEvents: 1, maxEvents: 1 };
  const heldAfter = () => follower.heldAfter;
  return new Retention({ db, writes, announcer: rig.announcer, clock, limits, heldAfter }).look();
}

test("RET-9: an event stays in the log until followers have handled it, for a day at most", async () => {
  const gates: (() => void)[] = [];
  const { follower, handled } = await follow((_, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => reject(new Error("stopped")));
    gates.push(resolve);
    return promise;
  });
  await rig.append(...many(5));
  await until("begun", () => gates.length === 1);
  await rig.append(...many(5));
  expect(await trim(follower)).toBe(0);
  gates.shift()?.();
  await until("the second batch", () => gates.length === 1);
  expect(await trim(follower)).toBe(5);
  clock.advance(DAY - 1);
  await rig.append(...many(1));
  expect(await trim(follower)).toBe(0);
  // A clock that is ahead removes nothing before something is dated by it.
  clock.advance(1);
  expect(await trim(follower)).toBe(0);
  await rig.append(...many(1));
  expect(await trim(follower)).toBe(6);
  gates.shift()?.();
  await until("handled", () => handled.length === 10);
});

test("RET-9: a follower that comes to events that are gone skips them with a warning and a metric", async () => {
  const first = await follow();
  await first.stop();
  await rig.append(...many(300));
  await keepNewest(rig, 10);
  await rig.append(...many(5));
  const batches: FollowedBatch[] = [];
  const second = await follow(async (batch) => void batches.push(batch));
  await until("handled", () => second.handled.length === 15);
  expect(second.handled).toEqual(range(291, 305));
  await second.stop();
  expect(batches.at(-1)?.upTo).toBe(305);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: "warn", follower: "bot", events: 290 }]);
  expect(await metrics.text()).toContain('parley_follower_skipped_events_total{follower="bot"} 290');
});
