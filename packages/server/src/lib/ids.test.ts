import { expect, test } from "bun:test";
import { newRequestId, randomHex, randomToken } from "./ids.ts";

test("tokens are base64url of the asked length and differ", () => {
  expect(randomToken(256)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(randomToken(128)).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(randomToken(8)).toMatch(/^[A-Za-z0-9_-]{2}$/);
  expect(new Set(Array.from({ length: 1000 }, () => randomToken(64))).size).toBe(1000);
});

test("hexadecimal ids are of the asked length and differ", () => {
  expect(randomHex(64)).toMatch(/^[0-9a-f]{16}$/);
  expect(new Set(Array.from({ length: 1000 }, () => randomHex(64))).size).toBe(1000);
});

test.each([randomToken, randomHex])("%p gives no number of bits that it would have to round, and not none", (make) => {
  for (const bits of [63, 65, 7, 0, -8]) expect(() => make(bits)).toThrow(RangeError);
});

test("request ids differ, within this process by their count and between two by their first part", async () => {
  const ids = Array.from({ length: 1000 }, newRequestId);
  expect(new Set(ids).size).toBe(1000);
  const parts = ids.map((id) => /^([A-Za-z0-9_-]{8})-([0-9a-z]+)$/.exec(id));
  expect(new Set(parts.map((part) => part?.[1])).size).toBe(1);
  const counts = parts.map((part) => Number.parseInt(part?.[2] ?? "", 36));
  expect(counts.map((count) => count - (counts[0] ?? 0))).toEqual(ids.map((_, at) => at));
  const path = new URL("./ids.ts", import.meta.url).pathname;
  const other = Bun.spawnSync([process.execPath, "-e", `console.log((await import("${path}")).newRequestId())`]);
  expect(other.stdout.toString()).toMatch(/^[A-Za-z0-9_-]{8}-1\n$/);
  expect(other.stdout.toString().slice(0, 8)).not.toBe(parts[0]?.[1] ?? "");
});
