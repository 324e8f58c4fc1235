import { expect, test } from "bun:test";
import { Hono } from "hono";
import { AppFixture } from "../../test/app-fixture.ts";
import { rawRequest } from "../../test/raw-http.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { createLogger } from "../ops/logger.ts";
import type { AppEnv } from "./app-env.ts";
import { errorHandler, errorResponses } from "./errors.ts";
import { holdReply } from "./held-reply.ts";
import { boundInFlight } from "./in-flight.ts";

/** An app whose one route answers when the test says so, and another that holds its reply. */
function slowApp(bounds: Parameters<typeof boundInFlight>[0] = {}) {
  const waiting: (() => void)[] = [];
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(errorResponses(createLogger({ level: "silent", sink: { write: () => {} } }))));
  app.use(boundInFlight(bounds));
  app.get("/slow", async (c) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return c.text("done");
  });
  app.get("/fails", async () => {
    throw new Error("broken");
  });
  app.get("/limited", () => {
    throw new ProblemError("rate_limited", "too often", { retryAfterMs: 1000 });
  });
  app.get("/held", () => holdReply(new Promise(() => {})));
  const ask = (path: string, ip = "203.0.113.9", signal?: AbortSignal) =>
    app.request(path, signal ? { signal } : {}, { ip });
  return { ask, waiting };
}

test("HTTP-20: of one address 256 requests are worked on at once, whatever the others do", async () => {
  const { ask, waiting } = slowApp();
  const asked = Array.from({ length: 256 }, () => ask("/slow"));
  const refused = await ask("/slow");
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "1"]);
  expect(await refused.json()).toMatchObject({ code: "rate_limited" });
  const other = ask("/slow", "203.0.113.10");
  waiting.shift()?.();
  await asked[0];
  const again = ask("/slow");
  for (const answer of waiting) answer();
  waiting.length = 0;
  expect((await Promise.all([...asked, other, again])).every(({ status }) => status === 200)).toBe(true);
  expect(waiting).toEqual([]);
});

test("HTTP-20: an IPv6 /64 is one address, and requests that fail or are held count no longer", async () => {
  const { ask, waiting } = slowApp({ most: 2 });
  for (let n = 0; n < 3; n++) expect((await ask("/fails")).status).toBe(500);
  for (let n = 0; n < 3; n++) expect((await ask("/held")).status).toBe(200);
  const both = [ask("/slow", "2001:db8::1"), ask("/slow", "2001:db8::2")];
  expect((await ask("/slow", "2001:db8::3")).status).toBe(429);
  for (const answer of waiting) answer();
  await Promise.all(both);
});

test("HTTP-25: of an address that gets many refusals the further ones are told later, and count no longer", async () => {
  // As the rate counts them, but for the time that passes meanwhile.
  const told = new Map<unknown, number>();
  const tryTake = (key: unknown) => {
    told.set(key, (told.get(key) ?? 0) + 1);
    return (told.get(key) ?? 0) <= 10;
  };
  /** Those that are told late, and what ends their waits. */
  const waits: { ms: number; end: () => void }[] = [];
  const wait = (ms: number) => new Promise<void>((end) => waits.push({ ms, end }));
  const { ask, waiting } = slowApp({ delayMs: 640, most: 3, atOnce: { tryTake }, wait });
  let answered = 0;
  const limited = async (ip?: string) => {
    expect((await ask("/limited", ip)).status).toBe(429);
    answered += 1;
  };
  for (let n = 0; n < 10; n++) await limited();
  expect(waits).toEqual([]);
  const late = [limited(), limited(), limited()];
  await nextTurn();
  // The requests in progress keep their room while they wait, and further ones are told equally late.
  const slow = [ask("/slow"), ask("/slow"), ask("/slow")];
  await nextTurn();
  const beyond = [limited(), limited()];
  for (const answer of waiting.splice(0)) answer();
  for (const { status } of await Promise.all(slow)) expect(status).toBe(200);
  expect([answered, waits.map(({ ms }) => ms)]).toEqual([10, [320, 330, 340, 350, 360]]);
  // Other addresses, and requests that are not refused, are answered as usual.
  await limited("203.0.113.10");
  expect([answered, waits.length]).toEqual([11, 5]);
  for (const { end } of waits) end();
  await Promise.all([...late, ...beyond]);
});

test("HTTP-25: what is refused together is told at as many moments, half of the time to one and a half later", async () => {
  const waits: number[] = [];
  const wait = async (ms: number) => void waits.push(ms);
  const { ask } = slowApp({ atOnce: { tryTake: () => false }, delayMs: 640, wait });
  for (let n = 0; n < 64; n++) expect((await ask("/limited")).status).toBe(429);
  expect(waits).toEqual(Array.from({ length: 64 }, (_, n) => 320 + 10 * n));
});

test("HTTP-25: the refusals of an IPv6 network are counted together", async () => {
  const asked: (string | number)[] = [];
  const atOnce = { tryTake: (key: string | number) => Boolean(asked.push(key)) };
  const { ask, waiting } = slowApp({ atOnce, most: 1 });
  await ask("/limited", "2001:db8:0:1::1");
  const slow = ask("/slow", "2001:db8:0:2::1");
  expect((await ask("/slow", "2001:db8:0:2::1")).status).toBe(429);
  await ask("/limited", "203.0.113.9");
  expect(asked).toEqual(["2001:db8:0::/48", "2001:db8:0::/48", "203.0.113.9"]);
  for (const answer of waiting) answer();
  await slow;
});

test("HTTP-25: a client that has gone is not waited for", async () => {
  const { ask } = slowApp({ delayMs: 60_000, atOnce: { tryTake: () => false } });
  const gone = new AbortController();
  const answer = ask("/limited", undefined, gone.signal);
  await nextTurn();
  gone.abort();
  expect((await withDeadline(Promise.resolve(answer), 3000, "it waited")).status).toBe(429);
});

test("HTTP-25: a client that has gone is not waited for where too many are in flight, either", async () => {
  const { ask, waiting } = slowApp({ delayMs: 60_000, most: 1, atOnce: { tryTake: () => false } });
  const slow = ask("/slow");
  const gone = new AbortController();
  const answer = ask("/slow", undefined, gone.signal);
  await nextTurn();
  gone.abort();
  expect((await withDeadline(Promise.resolve(answer), 3000, "it waited")).status).toBe(429);
  waiting.shift()?.();
  await slow;
});

test("HTTP-20: a request whose client has gone counts until it is done, and no longer", async () => {
  const { ask, waiting } = slowApp({ most: 1 });
  const gone = new AbortController();
  const left = ask("/slow", undefined, gone.signal);
  await nextTurn();
  gone.abort();
  expect((await ask("/slow")).status).toBe(429);
  waiting.shift()?.();
  await left;
  const next = ask("/slow");
  await nextTurn();
  expect(waiting).toHaveLength(1);
  waiting.shift()?.();
  expect((await next).status).toBe(200);
});

test("HTTP-20, HTTP-8: a page of another host can read that it has to wait", async () => {
  const app = new AppFixture();
  const head =
    "PUT /api/v1/notes/5 HTTP/1.1\r\nHost: x\r\nX-Test-Ip: 198.51.100.7\r\nTransfer-Encoding: chunked\r\n\r\n";
  const ignored = () => {};
  const slow = Array.from({ length: 256 }, () => {
    const { socket, answered } = rawRequest({
      url: app.origin,
      bytes: `${head}5\r\n{"nam\r\n`,
      onBytes: ignored,
      onEnd: ignored,
    });
    return { socket, gone: answered.catch(ignored) };
  });
  try {
    const ask = () => app.ask("/healthz", { ip: "198.51.100.7", headers: { Origin: "https://app.example.com" } });
    const untilMs = uptimeMs() + 15_000;
    let response = await ask();
    while (response.status !== 429 && uptimeMs() < untilMs) response = await ask();
    expect(response.status).toBe(429);
    const { headers } = response;
    expect(headers.get("Access-Control-Allow-Origin")).toBe("https://app.example.com");
    expect(headers.get("Access-Control-Expose-Headers")).toContain("Retry-After");
  } finally {
    for (const { socket } of slow) socket.destroy();
    await Promise.all(slow.map(({ gone }) => gone));
    await app.stop();
  }
}, 20_000);
