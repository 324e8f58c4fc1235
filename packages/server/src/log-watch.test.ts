import { afterEach, beforeEach, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../test/scratch-database.ts";
import { withRaw } from "../test/test-database.ts";
import { LogWatch } from "./log-watch.ts";

let scratch: Scratch;
let told: string[];
let upTo: number[];
let ended: number;
beforeEach(async () => {
  scratch = await openScratch();
  [told, upTo, ended] = [[], [], 0];
  await withRaw(scratch.place, (raw) => raw.rows("update log set pos = 5"));
});
afterEach(() => scratch.close());

function watchAt(position: number): LogWatch {
  const announcer = { position, announceUpTo: async (end: number) => void upTo.push(end), end: () => void ended++ };
  return new LogWatch({ db: scratch.db, epoch: scratch.epoch, announcer, onOtherLog: (why) => told.push(why) });
}

test("PG-8: what others wrote is handed on, up to the log's end", async () => {
  await watchAt(3).look();
  await watchAt(5).look();
  expect([told, upTo, ended]).toEqual([[], [5, 5], 0]);
});

test("PG-8: a log that is shorter than what was handed on is another one, and that is told once", async () => {
  const watch = watchAt(6);
  await watch.look();
  await watch.look();
  expect([told, upTo, ended]).toEqual([["the log is shorter than it was"], [], 1]);
});

test("PG-8: nothing more is handed on of a database that has another epoch", async () => {
  await withRaw(scratch.place, (raw) => raw.rows("update meta set value = 'ffffffffffffffff' where key = 'epoch'"));
  await watchAt(3).look();
  expect([told, upTo, ended]).toEqual([["the database has another epoch"], [], 1]);
});
