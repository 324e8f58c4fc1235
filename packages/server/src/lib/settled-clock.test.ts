import { afterEach, beforeEach, expect, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { ManualClock } from "./clock.ts";
import { SettledClock } from "./settled-clock.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;

let time: StillTime;
let clock: ManualClock;
let settled: SettledClock;
beforeEach(() => {
  time = new StillTime();
  clock = new ManualClock();
  settled = new SettledClock(clock);
});
afterEach(() => time[Symbol.dispose]());

function pass(ms: number): void {
  time.advance(ms);
  clock.advance(ms);
}

test("a clock is believed when it has gone on as the process has for an hour", () => {
  expect(settled.isSettled()).toBe(false);
  pass(HOUR - 1);
  expect(settled.isSettled()).toBe(false);
  pass(1);
  expect(settled.isSettled()).toBe(true);
});

test.each([MINUTE + 1, 31 * 24 * HOUR, -MINUTE - 1])("a jump of %d ms is believed an hour later", (jump) => {
  pass(HOUR);
  clock.advance(jump);
  expect(settled.isSettled()).toBe(false);
  pass(HOUR - 1);
  expect(settled.isSettled()).toBe(false);
  pass(1);
  expect(settled.isSettled()).toBe(true);
});

test.each([MINUTE, -MINUTE])("a clock that is put right by %d ms is believed on", (jump) => {
  pass(HOUR);
  clock.advance(jump);
  expect(settled.isSettled()).toBe(true);
});
