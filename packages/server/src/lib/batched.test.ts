import { expect, test } from "bun:test";
import { batched } from "./batched.ts";
import { nextTurn } from "./interval.ts";

/** Answers each number with its double, and keeps the batches. */
function doubling(most: number, answer?: (asks: readonly number[]) => void) {
  const batches: number[][] = [];
  const ask = batched(async (asks: readonly number[]) => {
    batches.push([...asks]);
    answer?.(asks);
    return asks.map((number) => number * 2);
  }, most);
  return { ask, batches };
}

test("what is asked in one turn is answered together, each with its own result", async () => {
  const { ask, batches } = doubling(10);
  expect(await Promise.all([ask(1), ask(2), ask(3)])).toEqual([2, 4, 6]);
  expect(await ask(4)).toBe(8);
  expect(batches).toEqual([[1, 2, 3], [4]]);
});

test("nothing is answered in the turn in which it is asked, and everybody has a turn between two batches", async () => {
  const { ask, batches } = doubling(2);
  const answers = Promise.all([1, 2, 3, 4, 5].map(ask));
  await Promise.resolve();
  expect(batches).toEqual([]);
  const seen: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    await nextTurn();
    seen.push(batches.length);
  }
  expect(seen).toEqual([1, 2, 3]);
  expect(batches).toEqual([[1, 2], [3, 4], [5]]);
  expect(await answers).toEqual([2, 4, 6, 8, 10]);
});

test("what is asked while a batch is answered comes with the next one", async () => {
  let later: Promise<number> | undefined;
  const { ask, batches } = doubling(10, ([first]) => {
    if (first === 1) later = ask(2);
  });
  expect(await ask(1)).toBe(2);
  expect(await later).toBe(4);
  expect(batches).toEqual([[1], [2]]);
});

test("a failure rejects its own batch, and the next one is answered", async () => {
  const { ask } = doubling(2, ([first]) => {
    if (first === 1) throw new Error("broken");
  });
  const settled = await Promise.allSettled([ask(1), ask(2), ask(3)]);
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  expect(await ask(4)).toBe(8);
});

test("asks of one person beyond their share wait for later batches, in order, and nobody else's wait with them", async () => {
  const batches: string[][] = [];
  const by = { of: (ask: string) => (ask.startsWith("-") ? undefined : ask[0]), most: 2 };
  const ask = batched(
    async (asks: readonly string[]) => {
      batches.push([...asks]);
      return asks.map((text) => text.toUpperCase());
    },
    4,
    by,
  );
  const asks = ["a1", "a2", "a3", "a4", "a5", "b1", "c1", "d1", "-1", "-2", "-3"];
  expect(await Promise.all(asks.map(ask))).toEqual(asks.map((text) => text.toUpperCase()));
  expect(batches).toEqual([
    ["a1", "a2", "b1", "c1"],
    ["a3", "a4", "d1", "-1"],
    ["a5", "-2", "-3"],
  ]);
});
