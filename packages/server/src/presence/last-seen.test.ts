import { expect, test } from "bun:test";
import { LastSeen } from "./last-seen.ts";

test("GW-85: of those who went, the ones who went the longest ago are forgotten first", () => {
  const seen = new LastSeen(2);
  for (const [uid, time] of [
    [1, 10],
    [2, 20],
    [1, 30],
    [3, 40],
  ] as const)
    seen.went(uid, time);
  expect([1, 2, 3].map((uid) => seen.of(uid))).toEqual([30, undefined, 40]);
  expect(seen.stateOf(2)).toBeUndefined();
});
