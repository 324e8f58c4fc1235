import { expect, test } from "bun:test";
import { inChunks } from "./in-chunks.ts";

test("each item once, in order, as many at a time as asked, and others have a turn in between", async () => {
  const seen: (number[] | string)[] = [];
  setImmediate(() => seen.push("another's turn"));
  await inChunks([1, 2, 3, 4, 5], 2, async (chunk) => void seen.push([...chunk]));
  expect(seen).toEqual([[1, 2], "another's turn", [3, 4], [5]]);
});

test("nothing is done for nothing, and a failure ends it", async () => {
  let calls = 0;
  const fail = async () => {
    calls += 1;
    throw new Error("no");
  };
  await inChunks([], 2, fail);
  expect(calls).toBe(0);
  await expect(inChunks([1, 2, 3], 2, fail)).rejects.toThrow("no");
  expect(calls).toBe(1);
});
