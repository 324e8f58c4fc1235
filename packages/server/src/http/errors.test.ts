import { expect, test } from "bun:test";
import { HTTPException } from "hono/http-exception";
import { ProblemError } from "../lib/problem.ts";
import { asProblem, problemDocument, problemResponse } from "./errors.ts";

const retryAfter = (ms: number) =>
  problemResponse(new ProblemError("overloaded", undefined, { retryAfterMs: ms })).headers.get("Retry-After");

test("Retry-After is whole seconds, rounded up, and never 0", () => {
  expect([0, 1, 999, 1000, 1001, 60_000, 60_001].map(retryAfter)).toEqual(["1", "1", "1", "1", "2", "60", "61"]);
  expect(problemResponse(new ProblemError("overloaded")).headers.has("Retry-After")).toBe(false);
});

test("who is to sign in is told how, in whatever way its route does; nobody else is", () => {
  const asked = (error: ProblemError, headers = {}) => problemResponse(error, headers).headers.get("WWW-Authenticate");
  expect(asked(new ProblemError("unauthorized"))).toBe("Bearer");
  expect(asked(new ProblemError("unauthorized"), { "WWW-Authenticate": "Own" })).toBe("Own");
  expect(asked(new ProblemError("forbidden"))).toBeNull();
});

test("HTTP-6: a problem says what was wrong, but for a fault of ours", () => {
  const extra = { errors: [{ path: "name", message: "is empty" }] };
  expect(problemDocument(new ProblemError("invalid", "name: is empty", { extra }))).toEqual({
    type: "urn:parley:problem:invalid",
    title: "The request is not valid",
    status: 400,
    code: "invalid",
    detail: "name: is empty",
    ...extra,
  });
  expect(problemDocument(new ProblemError("internal", "the disk said: SECRET"))).not.toHaveProperty("detail");
  // What a feature adds never takes the place of what a problem is.
  const posing = new ProblemError("conflict", "no", { extra: { code: "invalid", status: 200, type: "x", title: "y" } });
  expect(problemDocument(posing)).toMatchObject({ code: "conflict", status: 409, type: "urn:parley:problem:conflict" });
});

test("what the framework refuses is refused with a code of ours, and anything else is a fault", () => {
  expect(asProblem(new HTTPException(400))?.code).toBe("invalid");
  expect(asProblem(new HTTPException(413))?.code).toBe("too_large");
  expect(asProblem(new HTTPException(415))?.code).toBe("unsupported_media_type");
  for (const fault of [new HTTPException(500), new HTTPException(414), new Error("x"), "text", undefined]) {
    expect(asProblem(fault)).toBeUndefined();
  }
  const refusal = new ProblemError("forbidden");
  expect(asProblem(refusal)).toBe(refusal);
});
