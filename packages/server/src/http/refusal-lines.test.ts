import { expect, test } from "bun:test";
import { AppFixture } from "../../test/app-fixture.ts";
import { StillTime } from "../../test/still-time.ts";
import { RefusalLines } from "./refusal-lines.ts";

test("HTTP-36: an address has a rate of lines of its refusals, and the next line says how many were left out", () => {
  let open = true;
  const lines = new RefusalLines({ tryTake: (key) => open || key === "198.51.100.7" });
  expect(lines.admit("203.0.113.9")).toBe(0);
  open = false;
  for (let n = 0; n < 3; n++) expect(lines.admit("203.0.113.9")).toBeUndefined();
  expect(lines.admit("198.51.100.7")).toBe(0);
  open = true;
  expect(lines.admit("203.0.113.9")).toBe(3);
  expect(lines.admit("203.0.113.9")).toBe(0);
});

test("HTTP-36: an IPv6 /64 is one address", () => {
  const keys: (string | number)[] = [];
  const lines = new RefusalLines({ tryTake: (key) => keys.push(key) > 1 });
  expect(lines.admit("2001:db8::1")).toBeUndefined();
  expect(lines.admit("2001:db8::2")).toBe(1);
  expect(new Set(keys).size).toBe(1);
});

test("HTTP-36: faults of the server write all of their lines", async () => {
  const app = new AppFixture();
  for (let n = 0; n < 150; n++) expect((await app.ask("/api/v1/fault")).status).toBe(500);
  expect(app.lines.filter((line) => line.includes('"status":500'))).toHaveLength(150);
  await app.stop();
});

test("HTTP-36: a flood of refusals writes some lines, and what is answered writes all", async () => {
  // Ten more lines a second may be written.
  using _time = new StillTime();
  const app = new AppFixture();
  for (let n = 0; n < 150; n++) expect((await app.ask(`/nothing/${n}`)).status).toBe(404);
  expect(app.lines.filter((line) => line.includes("/nothing/"))).toHaveLength(100);
  for (let n = 0; n < 150; n++) await app.ask(`/api/v1/notes/${n + 1}`);
  expect(app.lines.filter((line) => line.includes("/api/v1/notes/"))).toHaveLength(150);
  await app.stop();
});

test("HTTP-36: preflights, which anybody may send and nothing counts, write as few lines", async () => {
  using _time = new StillTime();
  for (const origin of ["http://localhost", "https://evil.example"]) {
    const app = new AppFixture();
    const headers = { Host: "localhost", Origin: origin, "Access-Control-Request-Method": "GET" };
    const status = origin === "http://localhost" ? 204 : 403;
    for (let n = 0; n < 150; n++) {
      expect((await app.ask(`/api/v1/notes/${n + 1}`, { method: "OPTIONS", headers })).status).toBe(status);
    }
    expect(app.lines.filter((line) => line.includes('"OPTIONS"'))).toHaveLength(100);
    await app.stop();
  }
});

test("HTTP-36: a line has the first 200 characters of a path", async () => {
  const app = new AppFixture();
  await app.ask(`/${"a".repeat(15_000)}`);
  const line = await app.logged("/aaa", 0);
  expect(JSON.parse(line).path).toBe(`/${"a".repeat(199)}…`);
  await app.ask(`/${"b".repeat(180)}/pl_${"c".repeat(43)}`);
  expect(await app.logged("/bbb", 0)).not.toContain("c".repeat(10));
  await app.stop();
});
