import { expect, test } from "bun:test";
import { editDistance } from "./edit-distance.ts";

test.each([
  ["name", "name", 0],
  ["", "", 0],
  ["", "ab", 2],
  ["name", "nmae", 1],
  ["name", "nam", 1],
  ["name", "names", 1],
  ["name", "mane", 2],
  ["memberIds", "member_ids", 2],
  ["memberIds", "membreIsd", 2],
  ["memberIds", "userIds", 3],
  ["memberIds", "members", 2],
  ["ca", "abc", 3],
  ["ab", "abcde", 3],
  ["name", "text", 3],
])("%s and %s: %d", (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits);
  expect(editDistance(b, a)).toBe(edits);
});
