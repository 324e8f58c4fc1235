import { expect, test } from "bun:test";
import fc from "fast-check";
import { isDeeperThan } from "./nesting.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test("lists and objects count together, and what stands beside each other does not", () => {
  for (const [json, depth] of [
    ["[]", 1],
    ['{"a":[{"b":[]}]}', 4],
    ["[[],[],[]]", 2],
    [`[${"{},".repeat(1000)}0]`, 2],
  ] as const) {
    expect([json, isDeeperThan(depth, bytes(json))]).toEqual([json, false]);
    expect([json, isDeeperThan(depth - 1, bytes(json))]).toEqual([json, true]);
  }
});

test("brackets in texts do not count, whatever stands before them", () => {
  for (const text of ["[[[", '"[[', '\\"[[', "\\", '\\\\"{{', "ä[{", "\u2028[["]) {
    expect([text, isDeeperThan(1, bytes(JSON.stringify([text])))]).toEqual([text, false]);
    expect([text, isDeeperThan(1, bytes(JSON.stringify([text, []])))]).toEqual([text, true]);
  }
});

test("of any JSON the depth is that of its value", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (json) => {
      const depth = depthOf(JSON.parse(json));
      expect(isDeeperThan(depth, bytes(json))).toBe(false);
      if (depth > 0) expect(isDeeperThan(depth - 1, bytes(json))).toBe(true);
    }),
  );
});
