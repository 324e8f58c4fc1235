import { expect, jest, test } from "bun:test";
import { ParleyError } from "../api/parley-error.ts";
import { TIMING } from "../lib/timing.ts";
import { keepLogin } from "./login-life.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;

/** When a login is prolonged, in milliseconds from its beginning, while time goes on by hours. */
async function prolongedAt(leftMs: number | undefined, answers: (Error | undefined)[]): Promise<number[]> {
  jest.useFakeTimers();
  const abort = new AbortController();
  try {
    const at: number[] = [];
    let now = 0;
    const prolong = async () => {
      at.push(now);
      const answer = answers.shift();
      if (answer) throw answer;
      if (answers.length === 0) abort.abort();
    };
    const over = keepLogin({ leftMs, prolong, timing: TIMING, signal: abort.signal });
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    // What is due at once.
    jest.advanceTimersByTime(1);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    for (; now < 40 * DAY && !abort.signal.aborted; ) {
      now += HOUR;
      jest.advanceTimersByTime(HOUR);
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
    abort.abort();
    await over;
    expect(jest.getTimerCount()).toBe(0);
    return at;
  } finally {
    jest.useRealTimers();
  }
}

test("SDK-84: a login is prolonged when fifteen days are left, and fifteen days later again", async () => {
  expect(await prolongedAt(30 * DAY, [undefined, undefined])).toEqual([15 * DAY, 30 * DAY]);
  expect(await prolongedAt(16 * DAY, [undefined])).toEqual([DAY]);
  expect(await prolongedAt(3 * DAY, [undefined])).toEqual([0]);
});

test("SDK-84: where nobody has said when it ends, it is prolonged after an hour", async () => {
  expect(await prolongedAt(undefined, [undefined, undefined])).toEqual([HOUR, 15 * DAY + HOUR]);
});

test("SDK-84: where that has failed it is tried again every hour, and where it is refused it is not", async () => {
  const lost = new ParleyError(0);
  const busy = new ParleyError(503, { code: "overloaded" });
  expect(await prolongedAt(3 * DAY, [lost, busy, new Error("no token"), undefined])).toEqual([
    0,
    HOUR,
    2 * HOUR,
    3 * HOUR,
  ]);
  const refused = new ParleyError(403, { code: "forbidden" });
  expect(await prolongedAt(3 * DAY, [lost, refused, undefined])).toEqual([0, HOUR]);
});
