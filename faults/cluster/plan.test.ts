import { expect, test } from "bun:test";
import { Random } from "../random.ts";
import { ClusterPlan, KILLS_PER_ROUND } from "./plan.ts";

const plan = (seed: number, bus: "redis" | "notify" = "redis") => new ClusterPlan(new Random(seed), { nodes: 3, bus });
const kinds = (one: ClusterPlan) => one.round().map(({ kind }) => kind);

test("a seed gives the same rounds, and another seed others", () => {
  const [one, again] = [plan(5), plan(5)];
  const rounds = Array.from({ length: 3 }, () => one.round());
  expect(Array.from({ length: 3 }, () => again.round())).toEqual(rounds);
  expect(rounds[0]).not.toEqual(rounds[1] as never);
  expect(plan(6).round()).not.toEqual(rounds[0] as never);
});

test("everything happens in each round, and without Redis nothing happens to it", () => {
  const all = kinds(plan(7));
  expect(new Set(all).size).toBe(11);
  expect(all.filter((kind) => kind === "kill")).toHaveLength(KILLS_PER_ROUND);
  expect(all).toHaveLength(plan(7).perRound);
  const without = kinds(plan(7, "notify"));
  expect(without.toSorted()).toEqual(
    all.filter((kind) => kind !== "cut from bus" && kind !== "bus restarts").toSorted(),
  );
});

test("stops and cuts are short, or long enough that the others declare the node dead", () => {
  const one = plan(8);
  const incidents = Array.from({ length: 60 }, () => one.round()).flat();
  const lengths = (wanted: string) =>
    incidents.flatMap((incident) => (incident.kind === wanted && "ms" in incident ? [incident.ms] : []));
  expect(Math.max(...lengths("stop"))).toBeLessThanOrEqual(4_000);
  expect(Math.min(...lengths("long stop"))).toBeGreaterThan(10_000);
  const cuts = lengths("cut from database");
  expect([cuts.some((ms) => ms > 10_000), cuts.some((ms) => ms < 6_000)]).toEqual([true, true]);
  const nodes = new Set(incidents.flatMap((incident) => ("node" in incident ? [incident.node] : [])));
  expect([...nodes].toSorted()).toEqual([0, 1, 2, "all"]);
});
