import { expect, test } from "bun:test";
import { Health } from "./health.ts";

test("warnings are bounded and told apart by their key", () => {
  const health = new Health();
  expect(health.warn("a", "first")).toBe(true);
  expect(health.warn("a", "second")).toBe(false);
  for (let i = 0; i < 49; i++) expect(health.warn(`peer ${i}`, "untrusted")).toBe(true);
  for (let i = 49; i < 200; i++) expect(health.warn(`peer ${i}`, "untrusted")).toBe(false);
  expect(health.warnings).toHaveLength(50);
  expect(health.warnings[0]).toBe("second");
});
