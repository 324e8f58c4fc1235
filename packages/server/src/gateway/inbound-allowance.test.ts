import { describe, expect, test } from "bun:test";
import { InboundAllowance } from "./inbound-allowance.ts";

/** How many of that many frames are accepted at a time. */
function taken(allowance: InboundAllowance, count: number, at: number): number {
  return Array.from({ length: count }, () => allowance.takeFrame(at)).filter(Boolean).length;
}

describe("what a connection may send", () => {
  test("a hundred frames at once, then ten a second", () => {
    const allowance = new InboundAllowance(1000);
    expect(taken(allowance, 100, 1000)).toBe(100);
    expect(allowance.takeFrame(1000)).toBe(false);
    const patient = new InboundAllowance(0);
    expect(taken(patient, 100, 0)).toBe(100);
    expect(taken(patient, 10, 1000)).toBe(10);
    expect(patient.takeFrame(1050)).toBe(false);
  });

  test("a pause gives no more than a hundred", () => {
    const allowance = new InboundAllowance(0);
    expect(taken(allowance, 150, 3_600_000)).toBe(100);
  });

  test("four broken frames in any ten seconds; the fifth is too many", () => {
    const allowance = new InboundAllowance(0);
    expect([0, 1, 2, 3].map((at) => allowance.takeBadFrame(at))).toEqual([true, true, true, true]);
    expect(allowance.takeBadFrame(10_000)).toBe(false);
  });

  test("the ten seconds slide: five across the end of one count too", () => {
    const allowance = new InboundAllowance(0);
    expect([0, 9000, 9001, 9002].every((at) => allowance.takeBadFrame(at))).toBe(true);
    expect(allowance.takeBadFrame(10_001)).toBe(true);
    expect(allowance.takeBadFrame(10_002)).toBe(false);
    const slow = new InboundAllowance(0);
    expect(Array.from({ length: 50 }, (_, i) => slow.takeBadFrame(i * 2501)).every(Boolean)).toBe(true);
  });
});
