import { expect, test } from "bun:test";
import { Seldom } from "./seldom.ts";

test("something is said at once, then once in ten seconds, with the number of times that were left out", () => {
  let now = 500;
  const said: [at: number, left: number][] = [];
  const seldom = new Seldom(() => now);
  for (const at of [500, 501, 10_499, 10_500, 10_501, 60_000]) {
    now = at;
    seldom.run((left) => said.push([at, left]));
  }
  expect(said).toEqual([
    [500, 0],
    [10_500, 2],
    [60_000, 1],
  ]);
});
