import { expect, test } from "bun:test";
import { ManualClock } from "../lib/clock.ts";
import { type Read, SelfGate } from "./self-gate.ts";

const read: Read = { uid: 20_000, roomId: 7 };

function gate() {
  const clock = new ManualClock();
  const told: Read[][] = [];
  const self = new SelfGate(clock, async (reads) => void told.push([...reads]));
  return { clock, told, self };
}

test("one now, then nothing for a second; users and rooms apart", () => {
  const { clock, self } = gate();
  expect(self.admit(read)).toBe(true);
  expect(self.admit(read)).toBe(false);
  expect(self.admit({ ...read, roomId: 8 })).toBe(true);
  expect(self.admit({ ...read, uid: 20_001 })).toBe(true);
  clock.advance(999);
  expect(self.admit(read)).toBe(false);
  clock.advance(1);
  expect(self.admit(read)).toBe(true);
});

test("a pending place is told once, and the next one waits a second again", async () => {
  const { clock, told, self } = gate();
  self.admit(read);
  self.markPending(read);
  await self.flush();
  expect(told).toEqual([]);
  clock.advance(1000);
  await self.flush();
  await self.flush();
  expect(told).toEqual([[read]]);
  expect(self.admit(read)).toBe(false);
});

test("one that told nothing does not hold the next one back, nor lose a pending place", async () => {
  const { told, self } = gate();
  self.admit(read);
  self.release(read);
  expect(self.admit(read)).toBe(true);
  expect(self.admit(read)).toBe(false);
  self.markPending(read);
  self.release(read);
  await self.flush();
  expect(told).toEqual([[read]]);
});

test("what moves after its entry is gone is told with the next look", async () => {
  const { told, self } = gate();
  self.markPending(read);
  await self.flush();
  expect(told).toEqual([[read]]);
});

test("a clock that is set back ends the wait", () => {
  const { clock, self } = gate();
  self.admit(read);
  clock.advance(-3_600_000);
  expect(self.admit(read)).toBe(true);
});
