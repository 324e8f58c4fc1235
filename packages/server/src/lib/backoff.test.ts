import { expect, test } from "bun:test";
import { Backoff } from "./backoff.ts";

test("the wait doubles up to the longest, and begins anew after a success", () => {
  const backoff = new Backoff({ firstMs: 100, longestMs: 500, random: () => 1 });
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([100, 200, 400, 500, 500]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test("half of each wait is left to chance", () => {
  const least = new Backoff({ firstMs: 100, longestMs: 500, random: () => 0 });
  expect([least.next(), least.next()]).toEqual([50, 100]);
  const waits = Array.from({ length: 50 }, () => new Backoff({ firstMs: 100, longestMs: 500 }).next());
  expect(new Set(waits).size).toBeGreaterThan(10);
  for (const wait of waits) expect(wait >= 50 && wait <= 100).toBe(true);
});
