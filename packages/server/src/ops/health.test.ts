import { expect, test } from "bun:test";
import { Health } from "./health.ts";

test("is ready when the state says so and every check passes", async () => {
  const health = new Health();
  expect((await health.report()).ready).toBe(false);
  health.set("ready");
  expect((await health.report()).ready).toBe(true);
  health.addCheck("disk", async () => "full");
  expect(await health.report()).toMatchObject({ ready: false, checks: [{ name: "disk", ok: false, message: "full" }] });
  health.addCheck("disk", () => undefined);
  expect((await health.report()).ready).toBe(true);
  health.set("draining");
  expect((await health.report()).ready).toBe(false);
});

test("a check that throws has failed, without its words", async () => {
  const health = new Health();
  health.addCheck("database", () => {
    throw new Error("password=hunter2");
  });
  expect((await health.report()).checks).toEqual([{ name: "database", ok: false, message: "the check itself failed" }]);
});

test("warnings are bounded and told apart by their key", async () => {
  const health = new Health();
  expect(health.warn("a", "first")).toBe(true);
  expect(health.warn("a", "second")).toBe(false);
  for (let i = 0; i < 49; i++) expect(health.warn(`peer ${i}`, "untrusted")).toBe(true);
  for (let i = 49; i < 200; i++) expect(health.warn(`peer ${i}`, "untrusted")).toBe(false);
  const { warnings } = await health.report();
  expect(warnings).toHaveLength(50);
  expect(warnings[0]).toBe("second");
});
