import { expect, test } from "bun:test";
import { Moments } from "./moments.ts";

test("the messages around a moment say between which places the log ended", () => {
  const moments = new Moments([
    { id: 10, askedAt: 1, answeredAt: 5 },
    { id: 12, askedAt: 2, answeredAt: 4 },
    { id: 20, askedAt: 6, answeredAt: 9 },
    { id: 18, askedAt: 7, answeredAt: 12 },
  ]);
  expect([3, 4, 5, 8, 9, 20].map((at) => moments.atLeast(at))).toEqual([0, 12, 12, 12, 20, 20]);
  expect([0, 1, 2, 3, 6, 7].map((at) => moments.atMost(at))).toEqual([9, 9, 11, 17, 17, 17]);
  expect(moments.atMost(8)).toBe(Number.POSITIVE_INFINITY);
});
