import { expect, test } from "bun:test";
import { Random } from "./random.ts";
import { Ranges, sizeOf } from "./ranges.ts";

test("what comes in order is one run, and what does not is named", () => {
  const ranges = new Ranges();
  expect([5, 6, 7, 9, 6, 8, 9, 3].map((seq) => ranges.add(seq))).toEqual([
    "first",
    "next",
    "next",
    "jump",
    "repeat",
    "late",
    "repeat",
    "late",
  ]);
  expect(ranges.runs).toEqual([
    [3, 3],
    [5, 9],
  ]);
});

test("runs behave as sets of numbers do", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = new Random(seed);
  for (let round = 0; round < 300; round++) {
    const [a, b] = [new Set<number>(), new Set<number>()];
    const [rangesA, rangesB] = [new Ranges(), new Ranges()];
    for (let i = 0; i < 12; i++) {
      const from = random.between(1, 40);
      const to = from + random.between(0, 5);
      const [set, ranges] = random.chance(0.5) ? [a, rangesA] : [b, rangesB];
      ranges.addRun(from, to);
      for (let seq = from; seq <= to; seq++) set.add(seq);
    }
    const left = rangesA.without(rangesB);
    const wanted = [...a].filter((seq) => !b.has(seq)).sort((p, q) => p - q);
    const numbers = left.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
    expect({ seed, numbers }).toEqual({ seed, numbers: wanted });
    expect(sizeOf(left)).toBe(wanted.length);
    expect(rangesA.size).toBe(a.size);
    for (let seq = 1; seq <= 46; seq++) expect(rangesA.has(seq)).toBe(a.has(seq));
  }
});

test("a seed gives the same plan again, and each actor one of its own", () => {
  const draws = (seed: number, name: string) => {
    const random = new Random(seed).of(name);
    return Array.from({ length: 20 }, () => random.between(0, 1e6));
  };
  expect(draws(5, "chaos")).toEqual(draws(5, "chaos"));
  expect(draws(5, "chaos")).not.toEqual(draws(6, "chaos"));
  expect(draws(5, "chaos")).not.toEqual(draws(5, "churn"));
});
