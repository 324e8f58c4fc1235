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
  expect(windows.take("a")).toBe(600_000);
  clock.advance(600_000);
  expect(windows.take("a")).toBeLessThanOrEqual(600_000);
});

test("a count leaves exactly when its window is over, not a millisecond before, and never says to wait for nothing", () => {
  const clock = new ManualClock();
  const windows = make(clock);
  for (let i = 0; i < 5; i++) {
    expect(windows.take("a")).toBe(0);
    clock.advance(1000);
  }
  clock.advance(594_999);
  expect(windows.take("a")).toBe(1);
  clock.advance(1);
  expect(windows.take("a")).toBe(0);
  expect(windows.take("a")).toBe(1000);
});

test("a refused one and a look count nothing", () => {
  const clock = new ManualClock();
  const windows = make(clock);
  for (let i = 0; i < 20; i++) windows.waitMs("a");
  for (let i = 0; i < 5; i++) expect(windows.take("a")).toBe(0);
  clock.advance(300_000);
  for (let i = 0; i < 20; i++) expect([windows.take("a"), windows.waitMs("a")]).toEqual([300_000, 300_000]);
  clock.advance(300_000);
  for (let i = 0; i < 5; i++) expect(windows.take("a")).toBe(0);
  expect(windows.waitMs("b")).toBe(0);
  expect(windows.size).toBe(1);
});

test("forgets the key unused for longest, not the one that came first", () => {
  const windows = make(new ManualClock(), 2);
  for (const key of ["a", "b", "b", "b", "b", "b", "a", "a", "a", "a"]) windows.take(key);
  windows.take("c");
  expect(windows.size).toBe(2);
  expect(windows.waitMs("a")).toBe(600_000);
  expect(windows.waitMs("b")).toBe(0);
});

test("keeps 50 000 keys unless told otherwise", () => {
  const windows = new SlidingWindows({ rate: { count: 5, windowMs: 600_000 }, clock: new ManualClock() });
  for (let key = 0; key < 50_001; key++) windows.take(String(key));
  expect(windows.size).toBe(50_000);
});

test("forgets on request, and keeps a bounded number of keys", () => {
  const windows = make(new ManualClock(), 10);
  for (let i = 0; i < 5; i++) windows.take("a");
  windows.reset("a");
  expect(windows.take("a")).toBe(0);
  for (let i = 0; i < 50; i++) windows.take(`k${i}`);
  expect(windows.size).toBe(10);
});
