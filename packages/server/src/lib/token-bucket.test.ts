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
    const slow = new TokenBuckets({ rate: { burst: 1, perSecond: 0.7 }, clock });
    expect([slow.take("a"), slow.take("a")]).toEqual([0, 1429]);
    expect(subject.take("b")).toBe(0);
  });

  test("a caller who waits as long as told is let through, whatever the rate", () => {
    for (const perSecond of [0.001, 1 / 3, 0.7, 3, 7, 999]) {
      const clock = new ManualClock();
      const subject = new TokenBuckets({ rate: { burst: 1, perSecond }, clock });
      for (let round = 0; round < 200; round++) {
        expect(subject.take("a")).toBe(0);
        clock.advance(subject.take("a"));
      }
    }
  });

  test("a caller who waits as long as told is let through, however often they ask in between", () => {
    const clock = new ManualClock();
    const subject = new TokenBuckets({ rate: { burst: 1, perSecond: 1 }, clock });
    expect([subject.take("a"), subject.waitMs("a")]).toEqual([0, 1000]);
    for (let look = 1; look < 10; look++) {
      clock.advance(100);
      expect(subject.take("a")).toBeGreaterThan(0);
    }
    clock.advance(99);
    expect(subject.take("a")).toBeGreaterThan(0);
    clock.advance(1);
    expect(subject.take("a")).toBe(0);
  });

  test("waitMs takes nothing", () => {
    const subject = buckets(new ManualClock());
    for (let look = 0; look < 10; look++) expect(subject.waitMs("a")).toBe(0);
    expect([1, 2, 3].map(() => subject.take("a"))).toEqual([0, 0, 0]);
    expect([subject.waitMs("a"), subject.waitMs("a"), subject.waitMs("b")]).toEqual([500, 500, 0]);
  });

  test("never hold more than the burst, and a clock set back refills nothing", () => {
    const clock = new ManualClock();
    const subject = buckets(clock);
    subject.take("a");
    clock.advance(3_600_000);
    expect([1, 2, 3, 4].map(() => subject.take("a"))).toEqual([0, 0, 0, 500]);
    clock.advance(-60_000);
    expect(subject.take("a")).toBe(500);
    clock.advance(500);
    expect(subject.take("a")).toBe(0);
  });

  test("keep a bounded number of keys and forget the one unused for longest, not the one that came first", () => {
    const subject = buckets(new ManualClock(), 2);
    for (const key of ["a", "a", "b", "b", "b", "a"]) subject.take(key);
    expect(subject.size).toBe(2);
    subject.take("c");
    expect(subject.size).toBe(2);
    expect(subject.waitMs("a")).toBe(500);
    expect(subject.waitMs("b")).toBe(0);
  });

  test("keep what a look without taking has not changed: no key more, no key less", () => {
    const subject = buckets(new ManualClock(), 2);
    for (let look = 0; look < 10; look++) subject.waitMs(`k${look}`);
    expect(subject.size).toBe(0);
    for (const key of ["a", "a", "a", "b"]) subject.take(key);
    subject.waitMs("c");
    expect([subject.take("a"), subject.size]).toEqual([500, 2]);
  });

  test("keep 50 000 keys unless told otherwise", () => {
    const subject = buckets(new ManualClock());
    for (let key = 0; key < 50_001; key++) subject.take(String(key));
    expect(subject.size).toBe(50_000);
  });

  test("refill by the time that went by, however often one looks", () => {
    const clock = new ManualClock();
    const subject = buckets(clock);
    for (let i = 0; i < 3; i++) subject.take("a");
    for (const left of [375, 250, 125]) {
      clock.advance(125);
      expect(subject.take("a")).toBe(left);
    }
    clock.advance(125);
    expect(subject.take("a")).toBe(0);
    clock.advance(1000);
    expect([1, 2, 3].map(() => subject.take("a"))).toEqual([0, 0, 500]);
  });

  test("a key that is reset starts full", () => {
    const subject = buckets(new ManualClock());
    for (let i = 0; i < 3; i++) subject.take("a");
    subject.reset("a");
    expect(subject.take("a")).toBe(0);
  });
});
