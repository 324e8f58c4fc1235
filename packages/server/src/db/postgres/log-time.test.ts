import { expect, test } from "bun:test";
import { pacedTime } from "./log-time.ts";

const HOUR = 3_600_000;
const START = 1_800_000_000_000;

/** A log's row and a clock that a test sets; each batch logs something. */
class Log {
  at = 0;
  clock = START;
  caughtUpAt: number | null = null;

  batch(): number {
    const { now, caughtUpAt } = pacedTime(this);
    this.at = now;
    this.caughtUpAt = caughtUpAt;
    return now;
  }

  /** The same by a version that knows of no pace. */
  olderBatch(): number {
    this.at = Math.max(this.at, this.clock);
    return this.at;
  }

  pass(ms: number): void {
    this.clock += ms;
  }
}

test("LOG-10: where the log is not ahead, the time is the clock's, and nothing has to be kept", () => {
  const log = new Log();
  for (const ms of [0, 1, 5, HOUR]) {
    log.pass(ms);
    expect(log.batch()).toBe(log.clock);
  }
  expect(log.caughtUpAt).toBeNull();
});

test("LOG-10: a log that is ahead goes on at half the clock's pace, millisecond by millisecond, and the clock catches up", () => {
  const log = new Log();
  log.at = START + HOUR;
  expect(log.batch()).toBe(START + HOUR);
  for (let ms = 1; ms <= 5000; ms++) {
    log.pass(1);
    expect(log.batch()).toBe(START + HOUR + Math.floor(ms / 2));
  }
  log.pass(2 * HOUR - 5000);
  expect(log.batch()).toBe(START + 2 * HOUR);
  for (const ms of [1, 2, HOUR]) {
    log.pass(ms);
    expect(log.batch()).toBe(log.clock);
  }
});

test("LOG-10: the time goes on while nothing is logged", () => {
  const log = new Log();
  log.at = START + HOUR;
  const { caughtUpAt } = pacedTime(log);
  expect(pacedTime({ at: log.at, clock: START + HOUR, caughtUpAt }).now).toBe(START + 1.5 * HOUR);
});

test("LOG-10: however the clock is set, no time is before an earlier one, and no clock is ahead of the log", () => {
  const log = new Log();
  let latest = 0;
  const set = [HOUR, -HOUR, 1, -HOUR, 7, 3 * HOUR, -HOUR, 10 * HOUR, -20 * HOUR, 1, 1, 2 * HOUR, 5, 60 * HOUR, 1];
  for (const ms of set) {
    log.pass(ms);
    const now = log.batch();
    expect(now).toBeGreaterThanOrEqual(Math.max(latest, log.clock));
    latest = now;
  }
  expect(latest).toBe(log.clock);
});

test("LOG-10: batches of an older version in between stand still, and change nothing for the others, then or later", () => {
  const log = new Log();
  log.at = START + HOUR;
  log.batch();
  log.pass(1000);
  expect(log.olderBatch()).toBe(START + HOUR);
  expect(log.batch()).toBe(START + HOUR + 500);
  log.pass(1000);
  expect(log.olderBatch()).toBe(START + HOUR + 500);
  log.pass(2 * HOUR);
  expect(log.olderBatch()).toBe(log.clock);
  log.pass(5);
  expect(log.batch()).toBe(log.clock);
  log.pass(HOUR);
  expect(log.olderBatch()).toBe(log.clock);
  log.pass(1);
  expect(log.batch()).toBe(log.clock);
});
