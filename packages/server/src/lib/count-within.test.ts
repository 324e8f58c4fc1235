import { expect, test } from "bun:test";
import { countWithin } from "./count-within.ts";

test("what fits together counts, up to the last character", () => {
  expect(countWithin([], 10)).toBe(0);
  expect(countWithin([4, 6], 10)).toBe(2);
  expect(countWithin([4, 7, 1], 10)).toBe(1);
  expect(countWithin([4, 6, 1], 10)).toBe(2);
});

test("one counts, however long it is", () => {
  expect(countWithin([11, 1], 10)).toBe(1);
});
