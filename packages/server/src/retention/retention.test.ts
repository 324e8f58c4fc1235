import { afterEach, beforeEach, expect, test } from "bun:test";
import { keepNewest, type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "../event-log/outbox.ts";
import { Tail } from "../event-log/tail.ts";
import { ManualClock } from "../lib/clock.ts";
import { Retention } from "./retention.ts";
import { trimEvents } from "./retention-writes.ts";

const DAY_MS = 86_400_000;

let rig: LogRig;
let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});
afterEach(() => rig.close());

function retention(limits: { days: number; minEvents: number; maxEvents: number }): Retention {
  const { db, writes } = rig.scratch;
  return new Retention({ db, writes, announcer: rig.announcer, clock, limits });
}

const many = (count: number, stream: string, at = clock.now()) => Array.from({ length: count }, () => ({ stream, at }));

/** Seqs of the events that the log holds; what the stream's row says about them is also checked. */
async function held(stream: string): Promise<number[]> {
  const events = await rig.scratch.db
    .selectFrom("events")
    .select(["seq", "pos"])
    .where("stream", "=", stream)
    .orderBy("seq")
    .execute();
  const seqs = events.map(({ seq }) => seq);
  const state = (await rig.reader.states([stream])).get(stream);
  const first = state?.firstSeq as number;
  expect(seqs).toEqual(Array.from({ length: (state?.head.seq as number) - first + 1 }, (_, i) => first + i));
  const gone = rig.scratch.events.findLast((event) => event.stream === stream && event.seq < first);
  expect(state?.trimmedPos).toBe(gone?.pos ?? 0);
  return seqs;
}

test("RET-1 what is older than the days goes, but for the newest of each stream", async () => {
  rig = await openLog({ clock });
  const old = clock.now() - 7 * DAY_MS - 1;
  await rig.append(...many(5, "room:1", old));
  await rig.append(...many(5, "room:2", old));
  await rig.append(...many(1, "room:3", old));
  await rig.append(...many(3, "room:1"));
  await rig.append(...many(4, "internal", old));
  const removed = await retention({ days: 7, minEvents: 2, maxEvents: 1000 }).look();
  expect(await held("room:1")).toEqual([6, 7, 8]);
  expect(await held("room:2")).toEqual([4, 5]);
  expect(await held("room:3")).toEqual([1]);
  expect(await held("internal")).toEqual([3, 4]);
  expect(removed).toBe(5 + 3 + 2);
});

test("RET-1 of a stream with one event more than stay in any case that one goes", async () => {
  rig = await openLog({ clock });
  await rig.append(...many(3, "room:1", clock.now() - 8 * DAY_MS));
  await rig.append(...many(1, "room:2"));
  expect(await retention({ days: 7, minEvents: 2, maxEvents: 1000 }).look()).toBe(1);
  expect(await held("room:1")).toEqual([2, 3]);
});

test("RET-1 exactly as old as the days stays", async () => {
  rig = await openLog({ clock });
  await rig.append(...many(3, "room:1", clock.now() - 7 * DAY_MS));
  await rig.append(...many(1, "room:2"));
  const limits = { minEvents: 0, maxEvents: 1000 };
  const looks = retention({ days: 7, ...limits });
  // The write decides on its own, whatever the look has found.
  const asked = { streams: ["room:1"], maxAgeMs: 7 * DAY_MS, ...limits, upTo: rig.tail.position };
  const trim = () => rig.scratch.writes.runWhenIdle(trimEvents, asked);
  expect([await looks.look(), (await trim()).removed]).toEqual([0, 0]);
  clock.advance(1);
  await rig.append(...many(1, "room:2"));
  expect((await trim()).removed).toBe(3);
});

test("RET-1 beyond the maximum the oldest go, however new", async () => {
  rig = await openLog({ clock });
  await rig.append(...many(30, "room:1"), ...many(11, "room:2"), ...many(10, "room:3"));
  expect(await retention({ days: 7, minEvents: 2, maxEvents: 10 }).look()).toBe(21);
  expect(await held("room:1")).toEqual(Array.from({ length: 10 }, (_, i) => i + 21));
  expect(await held("room:2")).toHaveLength(10);
  expect(await held("room:3")).toHaveLength(10);
});

test("RET-1 with a minimum of 0 a stream may become empty, and goes on where it was", async () => {
  rig = await openLog({ clock });
  await rig.append(...many(5, "room:1"));
  clock.advance(DAY_MS);
  await rig.append(...many(1, "room:2"));
  await retention({ days: 0, minEvents: 0, maxEvents: 10 }).look();
  expect(await held("room:1")).toEqual([]);
  const cold = new Tail(rig.reader, { position: rig.tail.position, maxBytes: 1_000_000 });
  expect((await cold.heads(["room:1"])).get("room:1")).toEqual({ seq: 5, pos: 5 });
  await cold.read([{ stream: "room:1", after: 5 }], 1);
  expect(cold.head("room:1")).toEqual({ seq: 5, pos: 5 });
  expect(await rig.append({ stream: "room:1" })).toEqual([{ pos: 7, seq: 6 }]);
  expect(await held("room:1")).toEqual([6]);
});

test("RET-2 a look is bounded, and the next ones go on until nothing is left to do", async () => {
  rig = await openLog({ clock });
  for (let i = 0; i < 25; i++) await rig.append(...many(1000, "room:1"));
  const looks = retention({ days: 7, minEvents: 2, maxEvents: 5 });
  const removed = [await looks.look(), await looks.look(), await looks.look(), await looks.look()];
  expect(removed).toEqual([10_000, 10_000, 4995, 0]);
  expect(await held("room:1")).toHaveLength(5);
});

test("RET-2 every stream has its turn, also where there are many", async () => {
  rig = await openLog({ clock });
  const streams = Array.from({ length: 1234 }, (_, i) => `room:${i + 1}`);
  for (let i = 0; i < 3; i++) await rig.append(...streams.map((stream) => ({ stream, at: clock.now() })));
  const looks = retention({ days: 7, minEvents: 1, maxEvents: 1 });
  const removed: number[] = [];
  for (let i = 0; i < 7; i++) removed.push(await looks.look());
  expect(removed).toEqual([400, 400, 400, 400, 400, 400, 68]);
  const left = await rig.scratch.db.selectFrom("events").select("seq").execute();
  expect(left.map(({ seq }) => seq)).toEqual(streams.map(() => 3));
});

test("RET-2 a stream that grows beyond the maximum is noticed out of turn", async () => {
  rig = await openLog({ clock });
  const looks = retention({ days: 7, minEvents: 1, maxEvents: 4 });
  rig.scratch.listen((event) => looks.onEvent(event));
  await rig.append(...Array.from({ length: 1100 }, (_, i) => ({ stream: `room:${i + 1}`, at: clock.now() })));
  await looks.look();
  await rig.append(...many(6, "room:1"));
  expect(await looks.look()).toBe(3);
  expect(await held("room:1")).toEqual([4, 5, 6, 7]);
});

test("RET-2 what was not announced on this node yet stays", async () => {
  rig = await openLog({ clock, announcing: false });
  await rig.append(...many(9, "room:1"));
  const looks = retention({ days: 7, minEvents: 1, maxEvents: 2 });
  expect(await looks.look()).toBe(0);
  await rig.announcer.catchUpWithLog();
  expect(await looks.look()).toBe(7);
});

test("RET-6 a node that is further behind than what is kept goes on with what there is", async () => {
  const heard: number[] = [];
  rig = await openLog({ clock, announcing: false, listener: (event) => heard.push(event.pos) });
  await rig.append(...many(3, "room:1"));
  await rig.announcer.catchUpWithLog();
  expect(rig.tail.head("room:1")).toEqual({ seq: 3, pos: 3 });
  await rig.append(...many(700, "room:1"), ...many(2, "room:2"));
  // Another node has seen all that, and removes it.
  await keepNewest({ ...rig, announcer: { position: 705 } as never }, 2);
  await rig.announcer.catchUpWithLog();
  expect(heard).toEqual([1, 2, 3, 702, 703, 704, 705]);
  expect(rig.tail.head("room:1")).toEqual({ seq: 703, pos: 703 });
  expect(rig.tail.peek("room:1", 698, 10)).toBeUndefined();
  expect((await rig.tail.read([{ stream: "room:1", after: 0 }], 10)).get("room:1")?.map(({ seq }) => seq)).toEqual([
    702, 703,
  ]);
});

test("RET-6 and stands at the log's end where nothing is left, so that a cursor of there is not ahead", async () => {
  rig = await openLog({ clock, announcing: false });
  await rig.append(...many(5, "room:1"));
  await keepNewest({ ...rig, announcer: { position: 5 } as never }, 0);
  await rig.announcer.catchUpWithLog();
  expect([rig.announcer.position, rig.tail.position]).toEqual([5, 5]);
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1")]),
    20_000,
  );
  const cursor = { epoch: rig.scratch.epoch, floor: 5, streams: new Map<string, number>() };
  expect(await outbox.open(cursor)).toEqual([]);
  expect(outbox.cutOver()).toEqual([]);
  expect(outbox.cursor()).toBe(`${rig.scratch.epoch};*@5`);
});

test("RET-7 a clock that is set a year ahead and back costs at most what is beyond the minimum", async () => {
  rig = await openLog({ clock });
  const looks = retention({ days: 7, minEvents: 3, maxEvents: 10 });
  await rig.append(...many(8, "room:1"));
  expect(await looks.look()).toBe(0);
  clock.advance(365 * DAY_MS);
  expect(await looks.look()).toBe(0);
  await rig.append(...many(1, "room:2"));
  await looks.look();
  expect(await held("room:1")).toEqual([6, 7, 8]);
  await rig.append(...many(1, "room:1"));
  clock.advance(-365 * DAY_MS);
  await rig.append(...many(8, "room:1"));
  // Those dated a year ahead are young until then; they hold back what follows them, up to the maximum.
  clock.advance(8 * DAY_MS);
  await looks.look();
  expect(await held("room:1")).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 17]);
  await rig.append(...many(8, "room:1"));
  await looks.look();
  expect(await held("room:1")).toEqual([18, 19, 20, 21, 22, 23, 24, 25]);
});

test("RET-7 what was logged by a clock that was ahead makes nothing old once the clock is right again", async () => {
  rig = await openLog({ clock });
  const looks = retention({ days: 7, minEvents: 1, maxEvents: 10 });
  await rig.append(...many(8, "room:1"));
  clock.advance(365 * DAY_MS);
  await rig.append(...many(1, "room:2"));
  clock.advance(-365 * DAY_MS);
  // The time of writes stays where that event is.
  expect((await rig.scratch.db.selectFrom("log").select("at").executeTakeFirst())?.at).toBe(clock.now() + 365 * DAY_MS);
  const asked = {
    streams: ["room:1"],
    maxAgeMs: 7 * DAY_MS,
    minEvents: 1,
    maxEvents: 10,
    upTo: rig.announcer.position,
  };
  expect(await rig.scratch.writes.runWhenIdle(trimEvents, asked)).toEqual({ removed: 0, unfinished: [] });
  expect(await looks.look()).toBe(0);
  expect(await held("room:1")).toHaveLength(8);
  clock.advance(7 * DAY_MS + 1);
  expect(await looks.look()).toBe(7);
});

test("RET-7 a write that removes takes no time of its caller: a clock that is ahead removes nothing before something is logged by it", async () => {
  rig = await openLog({ clock });
  await rig.append(...many(8, "room:1"));
  const asked = {
    streams: ["room:1"],
    maxAgeMs: 7 * DAY_MS,
    minEvents: 1,
    maxEvents: 10,
    upTo: rig.announcer.position,
  };
  clock.advance(365 * DAY_MS);
  expect(await rig.scratch.writes.runWhenIdle(trimEvents, asked)).toEqual({ removed: 0, unfinished: [] });
  await rig.append(...many(1, "room:2"));
  expect(await rig.scratch.writes.runWhenIdle(trimEvents, asked)).toMatchObject({ removed: 7 });
});

test("RET-7 a clock that begins in 1970 makes nothing from before it old", async () => {
  rig = await openLog({ clock });
  await rig.append(...many(5, "room:1"));
  await rig.append(...many(1, "room:1", 0));
  await rig.append(...many(5, "room:1"));
  expect(await retention({ days: 7, minEvents: 1, maxEvents: 100 }).look()).toBe(0);
});
