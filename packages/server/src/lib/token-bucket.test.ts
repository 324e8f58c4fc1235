import { describe, expect, test } from "bun:test";
import { ManualClock } from "./clock.ts";
import { TokenBuckets } from "./token-bucket.ts";

const buckets = (clock: ManualClock, maxKeys?: number) =>
  new TokenBuckets({ rate: { burst: 3, perSecond: 2 }, clock, ...(maxKeys === undefined ? {} : { maxKeys }) });

describe("token buckets", () => {
  test("give the burst at once, then say how long to wait", () => {
    const clock = new ManualClock();
    const subject = buckets(clock);
    expect([1, 2, 3, 4].map(() => subject.take("a"))).toEqual([0, 0, 0, 500]);
    expect(subject.take("b")).toBe(0);
  });

  test("whoever waits as long as told is let through, whatever the rate", () => {
    for (const perSecond of [0.001, 1 / 3, 0.7, 3, 7, 999]) {
      const clock = new ManualClock();
      const subject = new TokenBuckets({ rate: { burst: 1, perSecond }, clock });
      for (let round = 0; round < 200; round++) {
        expect(subject.take("a")).toBe(0);
        clock.advance(subject.take("a"));
      }
    }
  });

  test("waitMs takes nothing", () => {
    const subject = buckets(new ManualClock());
    for (let look = 0; look < 10; look++) expect(subject.waitMs("a")).toBe(0);
    expect(subject.take("a")).toBe(0);
  });

  test("never hold more than the burst, and a clock set back refills nothing", () => {
    const clock = new ManualClock();
    const subject = buckets(clock);
    clock.advance(3_600_000);
    expect([1, 2, 3].map(() => subject.take("a"))).toEqual([0, 0, 0]);
    clock.advance(-60_000);
    expect(subject.take("a")).toBe(500);
    clock.advance(500);
    expect(subject.take("a")).toBe(0);
  });

  test("keep a bounded number of keys and forget the one unused for longest", () => {
    const subject = buckets(new ManualClock(), 2);
    for (const key of ["a", "a", "a", "b", "b", "b"]) subject.take(key);
    subject.take("c");
    expect(subject.size).toBe(2);
    expect(subject.take("b")).toBe(500);
    expect(subject.take("a")).toBe(0);
  });

  test("a key that is reset starts full", () => {
    const subject = buckets(new ManualClock());
    for (let i = 0; i < 3; i++) subject.take("a");
    subject.reset("a");
    expect(subject.take("a")).toBe(0);
  });
});
