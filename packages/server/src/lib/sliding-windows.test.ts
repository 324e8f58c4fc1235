import { expect, test } from "bun:test";
import { ManualClock } from "./clock.ts";
import { SlidingWindows } from "./sliding-windows.ts";

const make = (clock: ManualClock, maxKeys = 100) =>
  new SlidingWindows({ rate: { count: 5, windowMs: 600_000 }, clock, maxKeys });

test("no span of the window's length holds more than the count", () => {
  const clock = new ManualClock();
  const windows = make(clock);
  const taken: number[] = [];
  for (let minute = 0; minute < 60; minute++) {
    if (windows.take("a") === 0) taken.push(minute);
    clock.advance(60_000);
  }
  for (const from of taken) expect(taken.filter((at) => at >= from && at < from + 10).length).toBeLessThanOrEqual(5);
  expect(taken.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 10]);
});

test("says how long to wait, and who waits that long gets through", () => {
  const clock = new ManualClock();
  const windows = make(clock);
  for (let i = 0; i < 5; i++) windows.take("a");
  clock.advance(1000);
  expect(windows.take("a")).toBe(599_000);
  expect(windows.waitMs("b")).toBe(0);
  clock.advance(599_000);
  expect(windows.take("a")).toBe(0);
});

test("a clock that is set back does not lock anyone out for longer than the window", () => {
  const clock = new ManualClock();
  const windows = make(clock);
  for (let i = 0; i < 5; i++) windows.take("a");
  clock.advance(-10_000_000);
  expect(windows.take("a")).toBeLessThanOrEqual(600_000);
});

test("forgets on request, and keeps a bounded number of keys", () => {
  const windows = make(new ManualClock(), 10);
  for (let i = 0; i < 5; i++) windows.take("a");
  windows.reset("a");
  expect(windows.take("a")).toBe(0);
  for (let i = 0; i < 50; i++) windows.take(`k${i}`);
  expect(windows.size).toBe(10);
});
