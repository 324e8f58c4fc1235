import { expect, test } from "bun:test";
import { ProblemError } from "./problem.ts";

test("a refusal has its code, the status and the title of the table, and nothing else unless told", () => {
  const refusal = new ProblemError("overloaded");
  expect(refusal).toMatchObject({ name: "ProblemError", code: "overloaded", status: 503 });
  expect(refusal.message).toBe("The server is overloaded");
  expect([refusal.extra, refusal.retryAfterMs]).toEqual([undefined, undefined]);
  expect(new ProblemError("not_found").status).toBe(404);
});

test("a refusal has what it is told: its own words, more fields, when to come again", () => {
  const refusal = new ProblemError("rate_limited", "Slow down.", { extra: { limit: 5 }, retryAfterMs: 1500 });
  expect(refusal).toMatchObject({ message: "Slow down.", status: 429, extra: { limit: 5 }, retryAfterMs: 1500 });
});
