import { expect, test } from "bun:test";
import { summed, table } from "./sums.ts";

const report = (seed: number, lost: number, longest: number, failures: string[] = []) => ({
  failures,
  figures: { seed, commit: "abc", clients: 34, lost, "longest time not live, ms": longest, "RESYNCs told": "1 far" },
});

test("counts are added, the longest time is kept, and failures keep their seed", () => {
  const first = summed(undefined, report(7, 1_200, 30));
  const both = summed(first, report(8, 100, 20, ["lost: 100 (client 1)", "too few kills"]));
  expect(both).toEqual({
    runs: 2,
    failed: 1,
    seeds: [7, 8],
    commits: ["abc"],
    failures: ["seed 8: lost: 100 (client 1)", "seed 8: too few kills"],
    figures: { lost: 1_300, "longest time not live, ms": 30 },
  });
  expect(table(both)).toBe(`| runs, of which failed | 2, 1 |
|---|---|
| seeds | 7, 8 |
| commit | abc |
| lost | 1 300 |
| longest time not live, ms | 30 |`);
});
