import { expect, test } from "bun:test";
import { withDeadline } from "../lib/interval.ts";
import { Drain } from "./drain.ts";
import { Hub } from "./hub.ts";

function drainOf(spreadMs: number) {
  const graces: number[] = [];
  const presence = { lengthenGrace: (ms: number) => void graces.push(ms) };
  return { drain: new Drain({ hub: new Hub("0".repeat(16)), cursorNow: () => "", presence, spreadMs }), graces };
}

test("DR-10: people are given ten seconds beyond the drain to come back, whoever is connected when it begins", async () => {
  const { drain, graces } = drainOf(30_000);
  await withDeadline(drain.run(), 4000, "a drain without connections was not over at once");
  expect(graces).toEqual([40_000]);
});

test("DR-3: work is refused from the drain's beginning on, and not before; with nobody to close, another process answers in 3 s", async () => {
  const { drain } = drainOf(30_000);
  expect(drain.refusal()).toBeUndefined();
  const over = drain.run();
  expect(drain.refusal()).toMatchObject({ code: "draining", retryAfterMs: 3000 });
  await over;
});
