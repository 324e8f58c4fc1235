import { expect, test } from "bun:test";
import { hadToHold } from "./effect.ts";
import { SETTLED_MS, type Trouble } from "./troubles.ts";

const FROM = 100_000;
const trouble = (from: number, to: number, node = 1): Trouble => ({ node, kind: "no bus", from, to });

/** Whether it had to hold on node 1 so much later. */
const held = (laterMs: number, troubles: readonly Trouble[] = [], elsewhereMs = 1_000) =>
  hadToHold({ troubles, elsewhereMs }, { from: FROM, askedAt: FROM + laterMs, node: 1 });

test("what one server answers holds on the others a second later, and on itself at once", () => {
  expect([held(1_000), held(1_001)]).toEqual([false, true]);
  expect([held(0, [], 0), held(1, [], 0)]).toEqual([false, true]);
});

test("a server that is in trouble, or was until a moment ago, may not have heard of it", () => {
  expect(held(2_000, [trouble(FROM + 500, FROM + 600)])).toBe(false);
  expect(held(2_000, [trouble(FROM - 9_000, FROM - SETTLED_MS)])).toBe(false);
  expect(held(2_000, [trouble(FROM - 9_000, FROM - SETTLED_MS - 1)])).toBe(true);
  // The trouble came later, or is another server's.
  expect(held(2_000, [trouble(FROM + 2_001, FROM + 9_000)])).toBe(true);
  expect(held(2_000, [trouble(FROM, FROM + 9_000, 2)])).toBe(true);
});
