import { expect, test } from "bun:test";
import {
  betterThan,
  currentOf,
  type Fallback,
  fromTheTop,
  newFallback,
  stepDown,
  upgradedTo,
  withCarried,
  withFailure,
} from "./fallback.ts";

const at = (level: number, more: Partial<Fallback> = {}): Fallback => ({
  ...newFallback(["websocket", "sse", "long-poll"]),
  level,
  ...more,
});

test("SDK-10: it begins with the best, and needs one", () => {
  const fallback = newFallback(["sse", "long-poll"]);
  expect([currentOf(fallback), betterThan(fallback)]).toEqual(["sse", []]);
  expect(() => newFallback([])).toThrow(TypeError);
});

test("SDK-10: what has never carried is left at its first failure, what has carried at its second", () => {
  expect(withFailure(at(0), "websocket")).toMatchObject({ level: 1, failures: 0 });
  const carried = withCarried(at(0), "websocket");
  const once = withFailure(carried, "websocket");
  expect(once).toMatchObject({ level: 0, failures: 1 });
  expect(withFailure(once, "websocket")).toMatchObject({ level: 1, failures: 0 });
  expect(withFailure(withCarried(once, "websocket"), "websocket")).toMatchObject({ level: 0, failures: 1 });
});

test("SDK-10: failures of one transport do not count for the next", () => {
  const both = at(0, { carried: ["websocket", "sse"], failures: 1 });
  const second = withFailure(both, "websocket");
  expect(withFailure(second, "sse")).toMatchObject({ level: 1, failures: 1 });
});

test("SDK-10: what another transport does than the one in use changes nothing", () => {
  for (const fallback of [at(1), at(1, { carried: ["sse"] })]) {
    for (const by of ["websocket", "long-poll", "tab"]) {
      expect([withFailure(fallback, by), stepDown(fallback, by), withCarried(fallback, by)]).toEqual(
        Array(3).fill(fallback),
      );
    }
  }
});

test("SDK-10: below the last one there is none", () => {
  expect(stepDown(at(1), "sse").level).toBe(2);
  expect(stepDown(at(2), "long-poll").level).toBe(2);
});

test("SDK-12: an upgrade goes up only, and to what there is", () => {
  expect(upgradedTo(at(2, { failures: 1 }), "sse")).toMatchObject({ level: 1, failures: 0 });
  expect(upgradedTo(at(1), "long-poll").level).toBe(1);
  expect(upgradedTo(at(1), "sse")).toEqual(at(1));
  expect(upgradedTo(at(1), "short-poll")).toEqual(at(1));
  expect(betterThan(at(2))).toEqual(["websocket", "sse"]);
  expect(fromTheTop(at(2, { failures: 1, carried: ["sse"] }))).toEqual(at(0, { carried: ["sse"] }));
});
