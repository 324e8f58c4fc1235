import { expect, test } from "bun:test";
import { ManualClock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { perWindow, RateLimit } from "./rate-limit.ts";

const limit = (clock: ManualClock, enabled = true) =>
  new RateLimit({ what: "sign-ins", rate: perWindow(2, 600_000), clock, enabled });

test("refuses the one too many, saying when to come back", () => {
  const clock = new ManualClock();
  const subject = limit(clock);
  subject.take(7);
  subject.take(7);
  try {
    subject.take(7);
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    expect(error).toMatchObject({ code: "rate_limited", status: 429, retryAfterMs: 600_000 });
    expect(error.message).toBe("Too many sign-ins; try again in 600 s");
  }
  clock.advance(1);
  expect(() => subject.take(7)).toThrow("try again in 600 s");
  clock.advance(599_000);
  expect(() => subject.take(7)).toThrow("try again in 1 s");
  clock.advance(-599_001);
  subject.take(8);
  clock.advance(600_000);
  subject.take(7);
});

test("can count failures only, and forget them", () => {
  const subject = limit(new ManualClock());
  for (let i = 0; i < 10; i++) subject.check("name");
  expect([subject.tryTake("name"), subject.tryTake("name"), subject.tryTake("name")]).toEqual([true, true, false]);
  expect(() => subject.check("name")).toThrow(ProblemError);
  subject.reset("name");
  subject.check("name");
});

test("switched off, everything passes", () => {
  const subject = limit(new ManualClock(), false);
  for (let i = 0; i < 100; i++) {
    subject.check("a");
    subject.take("a");
    expect(subject.tryTake("a")).toBe(true);
  }
});
