import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { createLogger } from "../ops/logger.ts";
import { OpenFiles } from "./open-files.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function watched(counts: (number | undefined)[]) {
  const lines: string[] = [];
  const closed: number[] = [];
  const logger = createLogger({ level: "warn", sink: { write: (line) => void lines.push(line) } });
  const files = new OpenFiles({ limit: 1000, logger, count: () => counts.shift() });
  const stop = files.watch(() => {
    closed.push(1);
    return 7;
  });
  return { files, lines, closed, stop };
}

test("HTTP-21: above 80 % idle connections are closed each second, and one warning is logged for each time", () => {
  const { files, lines, closed, stop } = watched([800, 801, 950, 800, 801]);
  const seen: [boolean, number, number][] = [];
  for (let second = 0; second < 5; second++) {
    jest.advanceTimersByTime(1000);
    seen.push([files.isShort, closed.length, lines.length]);
  }
  expect(seen).toEqual([
    [false, 0, 0],
    [true, 1, 1],
    [true, 2, 1],
    [false, 2, 1],
    [true, 3, 2],
  ]);
  expect(JSON.parse(lines[0] as string)).toMatchObject({ open: 801, limit: 1000, closed: 7 });
  stop();
  jest.advanceTimersByTime(5000);
  expect(closed.length).toBe(3);
});

test("HTTP-21: where the system does not say how many are open nothing is closed", () => {
  const { files, closed, stop } = watched([undefined]);
  jest.advanceTimersByTime(1000);
  expect([files.isShort, closed.length]).toEqual([false, 0]);
  stop();
});
