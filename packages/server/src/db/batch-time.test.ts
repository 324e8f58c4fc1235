import { afterEach, beforeEach, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { append } from "../event-log/event-log.ts";
import { openWrites } from "./open.ts";
import { single } from "./procedures.ts";
import { ofServer } from "./share.ts";
import type { WriteTransaction } from "./transaction.ts";

/** Logs one event and says what time it was. */
async function note(tx: WriteTransaction): Promise<number> {
  await append(tx, [{ stream: "room:1", type: 4, data: () => "{}" }]);
  return tx.now;
}

/** Writes without logging anything, and says what time it was. */
async function look(tx: WriteTransaction): Promise<number> {
  return tx.now;
}

const table = { note: single(note, ofServer()), look: single(look, ofServer()) };
const HOUR = 3_600_000;

let scratch: Scratch;
beforeEach(async () => {
  scratch = await openScratch(table);
});
afterEach(() => scratch.close());

const uptime = () => scratch.uptime.now();
const times = async () =>
  (await scratch.db.selectFrom("events").select("at").orderBy("pos").execute()).map(({ at }) => at);
const kept = async () => (await scratch.db.selectFrom("log").select("at").executeTakeFirstOrThrow()).at;

test("LOG-10 a batch has one time, in its procedures, its events and the log's row", async () => {
  const start = scratch.clock.now();
  const both = await Promise.all([scratch.writes.run(note, undefined), scratch.writes.run(note, undefined)]);
  expect(both).toEqual([start, start]);
  scratch.clock.advance(5);
  expect(await scratch.writes.run(note, undefined)).toBe(start + 5);
  expect(await times()).toEqual([start, start, start + 5]);
  expect(await kept()).toBe(start + 5);
});

test("LOG-10 a clock that is set back stops the time, also of what logs nothing", async () => {
  const start = scratch.clock.now();
  await scratch.writes.run(note, undefined);
  scratch.clock.advance(-HOUR);
  expect(await scratch.writes.run(look, undefined)).toBe(start);
  expect(await scratch.writes.run(note, undefined)).toBe(start);
  scratch.clock.advance(HOUR + 1);
  expect(await scratch.writes.run(note, undefined)).toBe(start + 1);
  expect(await times()).toEqual([start, start, start + 1]);
});

test("LOG-10 while the log is ahead of the clock its time goes on at half the pace, and the clock catches up", async () => {
  const start = scratch.clock.now();
  const pass = (ms: number) => {
    scratch.clock.advance(ms);
    scratch.uptime.advance(ms);
  };
  scratch.clock.advance(HOUR);
  expect(await scratch.writes.run(note, undefined)).toBe(start + HOUR);
  scratch.clock.advance(-HOUR);
  for (let n = 1; n <= 10; n++) {
    pass(1);
    expect(await scratch.writes.run(look, undefined)).toBe(start + HOUR + Math.floor(n / 2));
  }
  pass(HOUR - 10);
  expect(await scratch.writes.run(note, undefined)).toBe(start + 1.5 * HOUR);
  // The clock jumps again while it is behind: times advance at the pace of the process.
  scratch.clock.advance(HOUR / 4);
  pass(10);
  expect(await scratch.writes.run(note, undefined)).toBe(start + 1.5 * HOUR + 5);
  scratch.clock.advance(-HOUR / 4);
  pass(HOUR - 10);
  expect(await scratch.writes.run(note, undefined)).toBe(start + 2 * HOUR);
  pass(1000);
  expect(await scratch.writes.run(note, undefined)).toBe(start + 2 * HOUR + 1000);
});

test("LOG-10 a clock that was set back before the start gives no event a time before the log's", async () => {
  const start = scratch.clock.now();
  await scratch.writes.run(note, undefined);
  scratch.clock.advance(-HOUR);
  const later = openWrites(scratch.place, { table, clock: scratch.clock, uptime });
  // Started again with the log's time: what the first attempt did is gone.
  expect(await Promise.all([later.run(note, undefined), later.run(look, undefined)])).toEqual([start, start]);
  expect(await later.run(note, undefined)).toBe(start);
  await later.close();
  expect(await times()).toEqual([start, start, start]);
});

test("LOG-10 what another process logged with a later clock is not overtaken by an earlier time", async () => {
  const start = scratch.clock.now();
  await scratch.writes.run(note, undefined);
  const other = openWrites(scratch.place, { table, clock: { now: () => start + HOUR }, uptime });
  await other.run(note, undefined);
  await other.close();
  expect(await scratch.writes.run(note, undefined)).toBe(start + HOUR);
  expect(await times()).toEqual([start, start + HOUR, start + HOUR]);
  const { pos } = await scratch.db.selectFrom("log").select("pos").executeTakeFirstOrThrow();
  expect(pos).toBe(3);
  expect(scratch.events.map((event) => event.pos)).toEqual([1, 3]);
});
