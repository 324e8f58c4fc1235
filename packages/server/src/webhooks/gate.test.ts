import { afterEach, beforeEach, expect, test } from "bun:test";
import { until } from "../../test/webhook-receiver.ts";
import { ManualClock } from "../lib/clock.ts";
import { Gate, retryAt } from "./gate.ts";

const MINUTE = 60_000;

let clock: ManualClock;
let gate: Gate;
let told: boolean[];
/** Names of those who were let in, in order. */
let entered: string[];
beforeEach(() => {
  clock = new ManualClock();
  told = [];
  entered = [];
  gate = new Gate({ clock, atOnce: 2, onBreaker: (isOpen) => told.push(isOpen) });
});
afterEach(() => gate.stop());

const come = (name: string, dueAt = 0) =>
  void gate.enter(dueAt).then((mayGo) => entered.push(mayGo ? name : `no ${name}`));
const turn = () => new Promise(setImmediate);
const letIn = (names: string[]) => until(names.join(), () => String(entered) === String(names));

/** Twenty failures in a row. */
async function open(): Promise<void> {
  for (let n = 0; n < 20; n++) {
    await gate.enter(0);
    gate.leave("failed");
  }
}

test("HOOK-12: so many at once, the others in the order of coming", async () => {
  for (const name of ["a", "b", "c", "d"]) come(name);
  await turn();
  expect(entered).toEqual(["a", "b"]);
  gate.leave("delivered");
  await turn();
  expect(entered).toEqual(["a", "b", "c"]);
  gate.leave("failed");
  gate.leave("left off");
  await letIn(["a", "b", "c", "d"]);
});

test("HOOK-13: one that is not due waits, and holds up nobody; a clock that is set back lengthens no wait", async () => {
  come("later", clock.now() + MINUTE);
  come("now");
  await turn();
  expect(entered).toEqual(["now"]);
  clock.advance(MINUTE);
  await letIn(["now", "later"]);
  gate.leave("delivered");
  come("at last", clock.now() + MINUTE);
  clock.advance(-60 * MINUTE);
  await letIn(["now", "later", "at last"]);
  expect([1, 2, 5, 10, 11, 40].map((tries) => retryAt(0, tries) / 1000)).toEqual([1, 2, 16, 512, 600, 600]);
});

test("HOOK-16: after twenty failures one is let in every 30 s, whether it is due or not, and another one each time", async () => {
  await open();
  expect([told, gate.isShut]).toEqual([[true], true]);
  for (const name of ["a", "b", "c"]) come(name, clock.now() + 10 * MINUTE);
  await turn();
  expect([entered, gate.isShut]).toEqual([[], true]);
  clock.advance(30_000);
  await letIn(["a"]);
  // Not while its outcome is not known, however long that takes.
  clock.advance(30_000);
  come("d");
  await turn();
  gate.leave("failed");
  come("a again");
  clock.advance(29_999);
  await turn();
  expect(entered).toEqual(["a"]);
  clock.advance(1);
  await letIn(["a", "b"]);
  gate.leave("left off");
  await letIn(["a", "b", "c"]);
  expect(told).toEqual([true]);
});

test("HOOK-16: once one succeeds everything that waits goes on at once, and failures count from the beginning", async () => {
  await open();
  for (const name of ["a", "b", "c"]) come(name, clock.now() + 10 * MINUTE);
  clock.advance(30_000);
  await letIn(["a"]);
  gate.leave("delivered");
  await letIn(["a", "b", "c"]);
  expect([told, gate.isShut]).toEqual([[true, false], false]);
  gate.leave("failed");
  gate.leave("failed");
  for (let n = 0; n < 17; n++) {
    await gate.enter(0);
    gate.leave("failed");
  }
  expect(told).toEqual([true, false]);
  await gate.enter(0);
  gate.leave("failed");
  expect(told).toEqual([true, false, true]);
});

test("HOOK-16: an open breaker is tried by what is new where nobody waits, and a clock that is set back keeps it open no longer", async () => {
  await open();
  clock.advance(30_000);
  expect(gate.isShut).toBe(false);
  come("new");
  await letIn(["new"]);
  gate.leave("failed");
  come("newer");
  clock.advance(-60 * MINUTE);
  await letIn(["new", "newer"]);
});

test("HOOK-10: a change of the address lets all in that wait, and a stop none", async () => {
  await open();
  for (const name of ["a", "b", "c"]) come(name, clock.now() + 10 * MINUTE);
  gate.renew();
  await letIn(["a", "b"]);
  expect(told).toEqual([true, false]);
  gate.stop();
  come("d");
  await letIn(["a", "b", "no c", "no d"]);
});
