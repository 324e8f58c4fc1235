import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { type LogRig, openLog } from "../../test/log-rig.ts";
import type { Writes } from "../db/writer.ts";
import { ManualClock } from "../lib/clock.ts";
import { nextTurn } from "../lib/interval.ts";
import { Retention } from "./retention.ts";
import { type TrimInput, type Trimmed, trimEvents } from "./retention-writes.ts";

let rig: LogRig;
const clock = new ManualClock();
beforeEach(async () => {
  rig = await openLog({ announcing: false });
});
afterEach(async () => {
  jest.useRealTimers();
  await rig.close();
});

const many = (count: number, stream: string) => Array.from({ length: count }, () => ({ stream, at: clock.now() }));
const limits = { days: 7, minEvents: 1, maxEvents: 2 };

async function seqsOf(stream: string): Promise<number[]> {
  const rows = await rig.scratch.db
    .selectFrom("events")
    .select("seq")
    .where("stream", "=", stream)
    .orderBy("seq")
    .execute();
  return rows.map(({ seq }) => seq);
}

/** The writes of a retention, as they are requested and answered; `before` runs before each. */
function watched(before: () => Promise<void> | void = () => {}) {
  const writes: { input: TrimInput; trimmed: Trimmed }[] = [];
  let running = 0;
  let most = 0;
  const watching: Pick<Writes, "runWhenIdle"> = {
    runWhenIdle: async (procedure, input) => {
      running += 1;
      most = Math.max(most, running);
      await before();
      const trimmed = await rig.scratch.writes.runWhenIdle(procedure, input);
      writes.push({ input: input as never, trimmed: trimmed as never });
      running -= 1;
      return trimmed;
    },
  };
  const { db } = rig.scratch;
  const retention = new Retention({ db, writes: watching as Writes, announcer: rig.announcer, clock, limits });
  return { retention, writes, most: () => most };
}

test("RET-2: a write removes at most 100 events, of at most 100 streams, and one runs at a time", async () => {
  await rig.append(...many(350, "room:1"));
  for (let i = 0; i < 3; i++) {
    await rig.append(...Array.from({ length: 150 }, (_, room) => ({ stream: `room:${room + 2}`, at: clock.now() })));
  }
  await rig.announcer.catchUpWithLog();
  const { retention, writes, most } = watched();
  expect(await retention.look()).toBe(348 + 150);
  expect(writes.length).toBeGreaterThan(4);
  for (const { input, trimmed } of writes) {
    expect(input.streams.length).toBeLessThanOrEqual(100);
    expect(trimmed.removed).toBeLessThanOrEqual(100);
  }
  expect(most()).toBe(1);
});

test("RET-2: what was announced goes up to the last event of it, and nothing behind that", async () => {
  await rig.append(...many(9, "room:1"));
  await rig.announcer.catchUpWithLog();
  await rig.append(...many(9, "room:1"));
  const { retention } = watched();
  // Eighteen are there and two may stay, but only nine were announced.
  expect(await retention.look()).toBe(9);
  expect(await seqsOf("room:1")).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18]);
  expect(await retention.look()).toBe(0);
  await rig.announcer.catchUpWithLog();
  await retention.look();
  expect(await seqsOf("room:1")).toEqual([17, 18]);
});

test("RET-2: the write itself stops at the announced position, whatever it is asked to remove", async () => {
  await rig.append(...many(18, "room:1"));
  const asked = { streams: ["room:1"], maxAgeMs: 0, minEvents: 0, maxEvents: 0 };
  const trim = (upTo: number) => rig.scratch.writes.runWhenIdle(trimEvents, { ...asked, upTo });
  expect((await trim(0)).removed).toBe(0);
  expect((await trim(9)).removed).toBe(9);
  expect((await trim(9)).removed).toBe(0);
  const row = await rig.scratch.db
    .selectFrom("streams")
    .select(["first_seq", "trimmed_pos"])
    .where("stream", "=", "room:1")
    .executeTakeFirst();
  expect(row).toEqual({ first_seq: 10, trimmed_pos: 9 });
});

test("RET-2: a look that fails is said, and what it had not removed goes with a later one", async () => {
  await rig.append(...many(350, "room:1"));
  await rig.announcer.catchUpWithLog();
  let writes = 0;
  const { retention } = watched(() => {
    writes += 1;
    if (writes === 2) throw new Error("the disk is full");
  });
  await expect(retention.look()).rejects.toThrow("the disk is full");
  expect(await seqsOf("room:1")).toHaveLength(250);
  await retention.look();
  expect(await seqsOf("room:1")).toEqual([349, 350]);
});

test("RET-2: of streams that grow beyond the maximum 1 000 are remembered for the next look, the others have their turn", async () => {
  const { retention } = watched();
  rig.scratch.listen((event) => retention.onEvent(event));
  const streams = Array.from({ length: 1500 }, (_, room) => `room:${room + 1}`);
  for (let i = 0; i < 3; i++) await rig.append(...streams.map((stream) => ({ stream, at: clock.now() })));
  await rig.announcer.catchUpWithLog();
  const inTurn = streams.toSorted().slice(0, 200);
  const outOfTurn = new Set([...streams.slice(0, 1000), ...inTurn]);
  expect(await retention.look()).toBe(outOfTurn.size);
  // They are forgotten then, so that there is room for others.
  const late = streams.toSorted().findLast((stream) => Number(stream.slice(5)) > 1000) as string;
  await rig.append(...many(3, late));
  await rig.announcer.catchUpWithLog();
  await retention.look();
  expect(await seqsOf(late)).toEqual([5, 6]);
});

test("RET-2: streams of a look that failed are looked at again by the next one, not when their turn comes again", async () => {
  for (let i = 0; i < 3; i++) {
    await rig.append(...Array.from({ length: 600 }, (_, room) => ({ stream: `room:${room + 1}`, at: clock.now() })));
  }
  await rig.announcer.catchUpWithLog();
  let fails = true;
  const { retention } = watched(() => {
    if (fails) throw new Error("busy");
  });
  await expect(retention.look()).rejects.toThrow("busy");
  fails = false;
  // Those of the first look, and those whose turn it is.
  expect(await retention.look()).toBe(400);
});

test("RET-2: it looks every two seconds, one look at a time, and its stop waits for the one that runs", async () => {
  await rig.append(...many(350, "room:1"));
  await rig.announcer.catchUpWithLog();
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  let writes = 0;
  const { retention } = watched(() => {
    writes += 1;
    begun.resolve();
    return gate.promise;
  });
  jest.useFakeTimers();
  const errors: unknown[] = [];
  const stop = retention.start((error) => errors.push(error));
  jest.advanceTimersByTime(1999);
  expect(writes).toBe(0);
  jest.advanceTimersByTime(1);
  await begun.promise;
  jest.advanceTimersByTime(20_000);
  expect(writes).toBe(1);
  let stopped = false;
  const stopping = stop().then(() => {
    stopped = true;
  });
  expect(jest.getTimerCount()).toBe(0);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(stopped).toBe(false);
  gate.resolve();
  await stopping;
  // The look ends with the running write: more would delay the stop.
  expect([writes, errors]).toEqual([1, []]);
  expect(await seqsOf("room:1")).toHaveLength(250);
});

test("RET-2: a look that has ended, well or not, is followed by the next one two seconds later", async () => {
  await rig.append(...many(3, "room:1"));
  await rig.announcer.catchUpWithLog();
  const { retention } = watched(() => {
    throw new Error("busy");
  });
  jest.useFakeTimers();
  const errors: unknown[] = [];
  const stop = retention.start((error) => errors.push(error));
  for (const look of [1, 2]) {
    jest.advanceTimersByTime(2000);
    while (errors.length < look) await nextTurn();
    // The look is over a few promises after its failure was told.
    await nextTurn();
    expect(errors).toHaveLength(look);
  }
  await stop();
});

test("RET-2: the write itself removes at most 100 events, one of each of the first 100 streams, however many it is given", async () => {
  const streams = Array.from({ length: 150 }, (_, room) => `room:${room + 1}`);
  for (let i = 0; i < 3; i++) await rig.append(...streams.map((stream) => ({ stream, at: clock.now() })));
  const trimmed = await rig.scratch.writes.runWhenIdle(trimEvents, {
    streams,
    maxAgeMs: 0,
    minEvents: 1,
    maxEvents: 2,
    upTo: 450,
  });
  expect([trimmed.removed, trimmed.unfinished.length]).toEqual([100, 100]);
});
