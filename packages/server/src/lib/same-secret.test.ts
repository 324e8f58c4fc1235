import { expect, test } from "bun:test";
import { sameSecret } from "./same-secret.ts";

test("secrets are the same only when they are", () => {
  expect(sameSecret("abc", "abc")).toBe(true);
  expect(sameSecret("abc", "abd")).toBe(false);
  expect(sameSecret("", "abc")).toBe(false);
  expect(sameSecret("abcd", "abc")).toBe(false);
  expect(sameSecret("abc", "abcd")).toBe(false);
  expect(sameSecret("abc", "")).toBe(false);
  expect(sameSecret("ABC", "abc")).toBe(false);
  expect(sameSecret("ü", "u\u0308")).toBe(false);
});
