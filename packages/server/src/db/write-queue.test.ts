import { expect, test } from "bun:test";
import fc from "fast-check";
import { CAPS } from "../limits/caps.ts";
import { type Queued, WriteQueue } from "./write-queue.ts";

interface Item extends Queued {
  readonly n: number;
}

let count = 0;
const item = (by: Queued["by"], rows = 1): Item => ({ by, rows, n: count++ });

/** Offers all, and wants each to be taken in. */
function filled(...items: Item[]): WriteQueue<Item> {
  const queue = new WriteQueue<Item>();
  for (const one of items) expect(queue.offer(one)).toBe(true);
  return queue;
}

const people = (batch: readonly Item[]) => batch.map(({ by }) => by);
const many = (by: Queued["by"], size: number, rows = 1) => Array.from({ length: size }, () => item(by, rows));

/** All batches until nothing waits. */
function drained(queue: WriteQueue<Item>): Item[][] {
  const batches: Item[][] = [];
  for (;;) {
    const batch = queue.take();
    if (batch.length === 0) return batches;
    batches.push(batch);
  }
}

test("HTTP-17: the numbers", () => {
  expect([CAPS.batchRequests.count, CAPS.batchRows.count, CAPS.waitingRows.count]).toEqual([256, 2000, 20_000]);
});

test("HTTP-17: people have their turns one after another, and a batch stands in the order of asking", () => {
  const [a, b, c] = [many(1, 400), many(2, 1), many(3, 80)] as [Item[], Item[], Item[]];
  const [first, second, third] = drained(filled(...a, ...b, ...c)) as [Item[], Item[], Item[]];
  expect(first).toEqual([...a.slice(0, 175), ...b, ...c]);
  expect([second, third]).toEqual([a.slice(175), undefined as never]);
  const asked = [item(1), item(2), item(1), item(3), item(2)];
  expect(drained(filled(...asked))).toEqual([asked]);
});

test("HTTP-17: the next batch begins behind those who had their turn in the last one", () => {
  const large = (by: number) => item(by, 900);
  const queue = filled(...[1, 2, 3, 1, 2, 3, 1].map(large));
  expect(drained(queue).map(people)).toEqual([[1, 2], [3, 1], [2, 3], [1]]);
});

test("HTTP-17: a batch has at most 256 requests and 2 000 rows; what does not fit is the first of the next one", () => {
  expect(drained(filled(...many(1, 600))).map((batch) => batch.length)).toEqual([256, 256, 88]);
  const [first, large, small] = [item(1, 1500), item(2, 501), item(3, 500)];
  expect(drained(filled(first, large, small))).toEqual([[first, small], [large]]);
});

test("HTTP-17: what was written of a person's waiting counts no more for them, though they always have something waiting", () => {
  const queue = filled(item(1, 1500));
  for (let n = 0; n < 40; n++) {
    expect(queue.offer(item(1, 1500))).toBe(true);
    expect(queue.take()).toHaveLength(1);
  }
});

test("HTTP-17: a request of more rows than a batch takes runs alone, and others come after it", () => {
  const [a, b, c] = [many(1, 2, 4000), many(2, 2, 4000), many(3, 3, 5)] as [Item[], Item[], Item[]];
  const batches = drained(filled(...a, ...b, ...c.slice(0, 1)));
  expect(batches).toEqual([[a[0]], [c[0]], [b[0]], [a[1]], [b[1]]] as Item[][]);
  const queue = filled(...many(1, 2, 4000), ...many(2, 2, 4000), item(3, 5));
  const order: Queued["by"][] = [];
  // Somebody who asks again as soon as they are answered waits for at most one large request, whoever asks for large ones.
  for (let round = 0; round < 8; round++) {
    const batch = queue.take();
    order.push(...people(batch));
    if (batch[0]?.by === 3) queue.offer(item(3, 5));
  }
  expect(order).toEqual([1, 3, 2, 3, 1, 3, 2, 3]);
});

test("HTTP-17: a large request is not put off for ever by small ones", () => {
  const queue = filled(item(1, 4000));
  for (let by = 2; by < 400; by++) queue.offer(item(by));
  expect(people(queue.take())).toEqual([1]);
  queue.offer(item(1, 4000));
  let batches = 0;
  for (;;) {
    const batch = queue.take();
    if (batch[0]?.by === 1) break;
    for (const { by } of batch) queue.offer(item(by));
    batches += 1;
    expect(batches).toBeLessThan(4);
  }
});

test("HTTP-17: one person alone fills two thirds of the queue, and others still find room, who leave some in their turn", () => {
  const queue = new WriteQueue<Item>();
  const fill = (by: number) => {
    let rows = 0;
    while (queue.offer(item(by, 100))) rows += 100;
    return rows;
  };
  expect([1, 2, 3, 4].map(fill)).toEqual([13_400, 4400, 1500, 500]);
  expect(queue.rows).toBe(19_800);
  expect(queue.offer(item(5))).toBe(true);
  expect(queue.offer(item(1))).toBe(false);
});

test("HTTP-17: the server's own work and what finds nothing waiting are taken in, however large", () => {
  const queue = filled(item(1, 40_000));
  expect([queue.offer(item(2)), queue.offer(item(undefined, 50)), queue.size]).toEqual([false, true, 2]);
  expect(drained(queue).map(people)).toEqual([[1], [undefined]]);
  expect([queue.size, queue.rows, queue.offer(item(1, 40_000))]).toEqual([0, 0, true]);
});

const offers = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ by: fc.integer({ min: 1, max: 6 }), rows: fc.integer({ min: 1, max: 900 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({ by: fc.integer({ min: 1, max: 3 }), rows: fc.constantFrom(2000, 2001, 4006) }),
    },
    { weight: 2, arbitrary: fc.constant("take" as const) },
  ),
  { maxLength: 200 },
);

test("HTTP-17: whatever is asked for, nothing is lost, each keeps their order, batches are bounded, and nobody waits for long", () => {
  fc.assert(
    fc.property(offers, (steps) => {
      const queue = new WriteQueue<Item>();
      const accepted = new Map<Queued["by"], number[]>();
      const taken = new Map<Queued["by"], number[]>();
      /** Batches that somebody has waited for without being in one. */
      const waited = new Map<Queued["by"], number>();
      const wait = (batch: readonly Item[]) => {
        expect(batch.length).toBeLessThanOrEqual(256);
        const rows = batch.reduce((sum, one) => sum + one.rows, 0);
        if (batch.length > 1) expect(rows).toBeLessThanOrEqual(2000);
        for (const { by, n } of batch) taken.set(by, [...(taken.get(by) ?? []), n]);
        for (const by of accepted.keys()) {
          const isLeft = (accepted.get(by)?.length ?? 0) > (taken.get(by)?.length ?? 0);
          waited.set(by, !isLeft || people(batch).includes(by) ? 0 : (waited.get(by) ?? 0) + 1);
          // Each of the five others is served before them once, and something small or large in between.
          expect(waited.get(by)).toBeLessThanOrEqual(12);
        }
      };
      for (const step of steps) {
        if (step === "take") wait(queue.take());
        else {
          const one = item(step.by, step.rows);
          if (queue.offer(one)) accepted.set(one.by, [...(accepted.get(one.by) ?? []), one.n]);
        }
        expect(queue.rows).toBeLessThanOrEqual(20_000);
      }
      while (queue.size > 0) wait(queue.take());
      expect(queue.rows).toBe(0);
      expect(taken).toEqual(new Map([...taken.keys()].map((by) => [by, accepted.get(by) as number[]])));
      expect([...taken.values()].flat()).toHaveLength([...accepted.values()].flat().length);
    }),
    { numRuns: 300 },
  );
});
