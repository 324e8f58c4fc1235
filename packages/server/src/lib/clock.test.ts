import { expect, test } from "bun:test";
import { ManualClock, systemClock } from "./clock.ts";
import { uptimeMs } from "./uptime.ts";

test("the system's clock says epoch milliseconds", () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});

test("a manual clock stands still until it is moved, in both directions", () => {
  const clock = new ManualClock(1000);
  expect([clock.now(), clock.now()]).toEqual([1000, 1000]);
  clock.advance(5);
  expect(clock.now()).toBe(1005);
  clock.advance(-10);
  expect(clock.now()).toBe(995);
});

test("the time since the process began does not follow the wall clock", () => {
  const wall = Date.now;
  const before = uptimeMs();
  Date.now = () => wall() - 86_400_000;
  try {
    const now = uptimeMs();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now - before).toBeLessThan(60_000);
  } finally {
    Date.now = wall;
  }
  expect(before).toBeLessThan(86_400_000);
});
