import { expect, test } from "bun:test";
import { CLOSE_CODES } from "@parley/protocol";
import { type Ending, stepAfter } from "./reconnect.ts";

const ending = (change: Partial<Ending>): Ending => ({
  code: 1006,
  reason: "",
  attempts: 0,
  drainMs: undefined,
  random: 0.5,
  ...change,
});

test("a cut connection is opened again soon, later each time, and never later than half a minute", () => {
  const waits = [0, 1, 2, 5, 20].map((attempts) => stepAfter(ending({ attempts })));
  expect(waits).toEqual([375, 750, 1500, 12_000, 22_500].map((afterMs) => ({ kind: "connect", afterMs, told: false })));
  for (const random of [0, 1]) {
    expect(stepAfter(ending({ attempts: 99, random }))).toMatchObject({ afterMs: random === 0 ? 15_000 : 30_000 });
  }
});

test("a server that restarts or is overloaded says when to come back, and is believed", () => {
  expect(stepAfter(ending({ code: 1012, drainMs: 4000 }))).toEqual({ kind: "connect", afterMs: 4500, told: true });
  expect(stepAfter(ending({ code: 1012 }))).toEqual({ kind: "connect", afterMs: 375, told: false });
  expect(stepAfter(ending({ code: 1013, reason: "retry=60000" }))).toMatchObject({ afterMs: 60_500, told: true });
  expect(stepAfter(ending({ code: 1013, reason: "retry=many", random: 0 }))).toMatchObject({ afterMs: 250 });
});

test("after a broken rule it waits for seconds at least", () => {
  expect(stepAfter(ending({ code: 1008 }))).toEqual({ kind: "connect", afterMs: 5000, told: true });
});

test("a login that ended, a ban and too many connections are not answered with another attempt", () => {
  expect(stepAfter(ending({ code: 4001 }))).toEqual({ kind: "stop", why: "signed-out" });
  expect(stepAfter(ending({ code: 4003 }))).toEqual({ kind: "stop", why: "banned" });
  expect(stepAfter(ending({ code: 4029 }))).toEqual({ kind: "focus" });
});

test("every close code of the protocol, and any other, has a next step", () => {
  for (const code of [...Object.keys(CLOSE_CODES).map(Number), 1005, 1011, 4999]) {
    expect(stepAfter(ending({ code })).kind).toBeString();
  }
});
