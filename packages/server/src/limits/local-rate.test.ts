import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { ProblemError } from "../lib/problem.ts";
import { LOCAL_RATES } from "./limits.ts";
import { LOCAL_KEYS_MAX, LocalRate } from "./local-rate.ts";
import type { RateRow } from "./row.ts";
import { takeEach } from "./take-each.ts";

const BUCKET: RateRow = { ...LOCAL_RATES.sends, count: 2, burst: 3 };
const WINDOW: RateRow = { ...LOCAL_RATES.typing, counts: "rooms", count: 5, windowMs: 600_000 };

let time: StillTime;
beforeEach(() => {
  time = new StillTime();
});
afterEach(() => time[Symbol.dispose]());

const rate = (row: RateRow, enabled = true) => new LocalRate(row, { enabled });

/** Takes, and gives the milliseconds to wait; 0: it was counted. */
function wait(subject: LocalRate, key: string | number, amount?: number): number {
  try {
    subject.take(key, amount);
    return 0;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    expect(error).toMatchObject({ code: "rate_limited", status: 429 });
    return error.retryAfterMs as number;
  }
}

describe("a rate with a burst", () => {
  test("gives the burst at once, then says how long to wait, each key for itself", () => {
    const subject = rate(BUCKET);
    expect([1, 2, 3, 4].map(() => wait(subject, "a"))).toEqual([0, 0, 0, 500]);
    expect(() => subject.take("a")).toThrow("Too many messages; try again in 1 s");
    expect(wait(subject, "b")).toBe(0);
    expect(wait(subject, 7)).toBe(0);
  });

  test("lets those through that wait as long as they were told, whatever the rate", () => {
    for (const perSecond of [0.001, 1 / 3, 0.7, 3, 7, 999]) {
      const subject = rate({ ...BUCKET, count: perSecond, burst: 1 });
      for (let round = 0; round < 200; round++) {
        expect(wait(subject, "a")).toBe(0);
        time.advance(wait(subject, "a"));
      }
    }
  });

  test("refills by the time that went by, however often one asks, and never beyond the burst", () => {
    const subject = rate(BUCKET);
    for (let taken = 0; taken < 3; taken++) subject.take("a");
    for (const left of [375, 250, 125]) {
      time.advance(125);
      expect(wait(subject, "a")).toBe(left);
    }
    time.advance(125);
    expect(wait(subject, "a")).toBe(0);
    time.advance(3_600_000);
    expect([1, 2, 3, 4].map(() => wait(subject, "a"))).toEqual([0, 0, 0, 500]);
  });
});

describe("a rate per window", () => {
  test("gives its count from the first use on, then refuses until the window ends", () => {
    const subject = rate(WINDOW);
    time.advance(100_000);
    for (let taken = 0; taken < 5; taken++) expect(wait(subject, "a")).toBe(0);
    expect(wait(subject, "a")).toBe(600_000);
    time.advance(599_999);
    expect(wait(subject, "a")).toBe(1);
    time.advance(1);
    expect([1, 2, 3, 4, 5].map(() => wait(subject, "a"))).toEqual([0, 0, 0, 0, 0]);
    expect(wait(subject, "a")).toBeGreaterThan(0);
  });

  test("counts what is asked for as a whole or not at all", () => {
    const subject = rate(WINDOW);
    expect(wait(subject, "a", 3)).toBe(0);
    expect(wait(subject, "a", 3)).toBe(600_000);
    expect(wait(subject, "a", 2)).toBe(0);
    expect(wait(subject, "a", 1)).toBe(600_000);
  });
});

test("a look and a refused one count nothing", () => {
  const subject = rate(BUCKET);
  for (let look = 0; look < 10; look++) subject.check("a");
  expect(subject.size).toBe(0);
  expect([1, 2, 3].map(() => subject.tryTake("a"))).toEqual([true, true, true]);
  for (let look = 0; look < 10; look++) expect(subject.tryTake("a")).toBe(false);
  expect(() => subject.check("a")).toThrow("try again in 1 s");
  time.advance(500);
  subject.check("a");
  expect(subject.tryTake("a")).toBe(true);
});

test.each([
  ["bucket", BUCKET, 3],
  ["window", { ...WINDOW, count: 3 }, 3],
] as const)("what is given back to a %s can be taken again, and no more than there ever was", (_, row, count) => {
  const subject = rate(row);
  subject.giveBack("a");
  for (let taken = 0; taken < count; taken++) expect(wait(subject, "a")).toBe(0);
  expect([subject.hasRoom("a"), subject.hasRoom("b")]).toEqual([false, true]);
  subject.giveBack("a");
  expect(subject.hasRoom("a")).toBe(true);
  expect([wait(subject, "a"), wait(subject, "a") > 0]).toEqual([0, true]);
  for (let given = 0; given < 10; given++) subject.giveBack("a");
  for (let taken = 0; taken < count; taken++) expect(wait(subject, "a")).toBe(0);
  expect(wait(subject, "a")).toBeGreaterThan(0);
});

test("what is given back to a window lets nobody take more within it than its count", () => {
  const subject = rate(WINDOW);
  subject.take("a");
  for (let given = 0; given < 10; given++) subject.giveBack("a");
  for (let taken = 0; taken < 5; taken++) expect(wait(subject, "a")).toBe(0);
  time.advance(500_000);
  expect(wait(subject, "a")).toBe(100_000);
});

test("one act counts in all of its rates or in none", () => {
  const [first, second] = [rate(BUCKET), rate(WINDOW)];
  const both = (amount: number) => takeEach({ rate: first, key: 1 }, { rate: second, key: 1, amount });
  both(5);
  expect(() => both(1)).toThrow("Too many rooms; try again in 600 s");
  expect(() => both(1)).toThrow("Too many rooms");
  expect([wait(first, 1), wait(first, 1), wait(first, 1) > 0]).toEqual([0, 0, true]);
});

test("a wall clock that is set changes nothing", () => {
  const subject = rate(BUCKET);
  for (let taken = 0; taken < 3; taken++) subject.take("a");
  const later = Date.now() + 86_400_000;
  using _clock = spyOn(Date, "now").mockImplementation(() => later);
  expect(wait(subject, "a")).toBe(500);
});

test("a flood of keys takes bounded memory, and the key unused for longest is forgotten", () => {
  const subject = rate(BUCKET);
  for (const key of ["used", "used", "used", "old", "old", "old"]) subject.take(key);
  expect(wait(subject, "used")).toBe(500);
  for (let key = 0; key < LOCAL_KEYS_MAX - 2; key++) subject.take(key);
  expect(subject.size).toBe(LOCAL_KEYS_MAX);
  subject.take("one more");
  expect(subject.size).toBe(LOCAL_KEYS_MAX);
  expect(wait(subject, "used")).toBe(500);
  expect(wait(subject, "old")).toBe(0);
});

test("switched off, everything passes and nothing is kept", () => {
  const subject = rate(BUCKET, false);
  for (let i = 0; i < 100; i++) {
    subject.check("a");
    subject.take("a", 50);
    expect(subject.tryTake("a")).toBe(true);
  }
  expect(subject.size).toBe(0);
});
