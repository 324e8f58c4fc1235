import { expect, test } from "bun:test";
import { Chaos } from "./chaos.ts";
import { againWith, readOptions } from "./options.ts";
import { Random } from "./random.ts";

const plan = (seed = 5) => new Chaos(new Random(seed), 8);
const incidents = (chaos: Chaos, meanwhile = () => {}) =>
  Array.from({ length: 200 }, () => {
    meanwhile();
    return chaos.next();
  });

test("a seed gives the same incidents, whenever readers are slow and clocks are set", () => {
  const disturbed = plan();
  const others: unknown[] = [];
  const seen = incidents(disturbed, () => others.push(disturbed.slowReader(), disturbed.clockJump()));
  expect(seen).toEqual(incidents(plan()));
  const alone = plan();
  expect(others.filter((_, i) => i % 2 === 0)).toEqual(Array.from({ length: 200 }, () => alone.slowReader()));
  expect(seen).not.toEqual(incidents(plan(6)));
});

test("the line to have a run again names all that its plan depends on", () => {
  const options = readOptions(["--seconds", "7", "--clients", "9", "--json", "figures.json"]);
  const line = againWith(options);
  expect(line).toStartWith("npm run test:faults -- --seed ");
  const again = readOptions(line.split(" ").slice(4));
  expect(again).toEqual({ ...options, json: undefined, logs: undefined });
});
