import { expect, test } from "bun:test";
import { newRequestId, randomToken } from "./ids.ts";

test("tokens are base64url of the asked length and differ", () => {
  expect(randomToken(256)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(randomToken(128)).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(new Set(Array.from({ length: 1000 }, () => randomToken(64))).size).toBe(1000);
  expect(() => randomToken(63)).toThrow(RangeError);
  expect(() => randomToken(0)).toThrow(RangeError);
});

test("request ids differ", () => {
  expect(new Set(Array.from({ length: 1000 }, newRequestId)).size).toBe(1000);
});
