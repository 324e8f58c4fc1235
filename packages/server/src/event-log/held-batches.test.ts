import { expect, test } from "bun:test";
import fc from "fast-check";
import { batch, eventAt } from "../bus/bus.contract.ts";
import { HeldBatches } from "./held-batches.ts";

test("BUS-9 batches come out in the order of position, each once, whatever the order in which they came in", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(lengths, fc.infiniteStream(fc.nat()), (lengths, picks) => {
      let end = 0;
      const batches = lengths.map((length) => {
        end += length;
        return batch(end - length + 1, end).events;
      });
      const held = new HeldBatches();
      const rest = [...batches, ...batches.slice(0, 3)];
      while (rest.length > 0) {
        const [one] = rest.splice((picks.next().value ?? 0) % rest.length, 1);
        held.add(one ?? []);
      }
      const out: number[] = [];
      for (let next = held.takeAfter(0); next; next = held.takeAfter(out.at(-1) ?? 0)) {
        out.push(...next.map(({ pos }) => pos));
      }
      expect(out).toEqual(Array.from({ length: end }, (_, index) => index + 1));
    }),
  );
});

test("BUS-9 what lies behind is dropped, and a batch of which a part is known comes whole", () => {
  const held = new HeldBatches();
  for (const [first, last] of [
    [1, 3],
    [4, 6],
    [7, 9],
    [20, 21],
  ] as const)
    held.add(batch(first, last).events);
  expect(held.takeAfter(5)).toEqual(batch(4, 6).events);
  expect(held.takeAfter(5)).toBeUndefined();
  expect(held.takeAfter(9)).toBeUndefined();
  expect(held.takeAfter(19)).toEqual(batch(20, 21).events);
});

test("BUS-9 what is held is bounded in number and size, and what is taken or dropped makes room", () => {
  const held = new HeldBatches();
  expect(held.add(batch(2, 5001).events)).toBe(true);
  expect(held.add(batch(6000, 6000).events)).toBe(false);
  expect(held.takeAfter(1)?.length).toBe(5000);
  const large = (pos: number) => [eventAt(pos, "x".repeat(5_000_000))];
  expect([held.add(large(10)), held.add(large(11))]).toEqual([true, false]);
  held.takeAfter(10);
  expect(held.add(large(12))).toBe(true);
});
