import { expect, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { loadConfig } from "../config/config.ts";
import { ProblemError } from "../lib/problem.ts";
import { Health } from "../ops/health.ts";
import { createLogger } from "../ops/logger.ts";
import { Metrics } from "../ops/metrics.ts";
import { createApp } from "./app.ts";
import { newRoutes, type Routes } from "./openapi.ts";

const KEY = { id: 1, name: "shop", scopes: new Set<never>(), rate: null, recipientsRate: null, allRate: null };

/** An app of these routes, in which `ps_valid` is a key; `bad` counts tokens that are not valid, and refuses them beyond two. */
function appOf(...routes: Routes[]) {
  const bad: string[] = [];
  const app = createApp({
    config: loadConfig({}).config,
    logger: createLogger({ level: "silent", sink: { write: () => {} } }),
    metrics: new Metrics(),
    health: new Health(),
    findLogin: async () => undefined,
    findServerKey: async (secret) => (secret === "ps_valid" ? KEY : undefined),
    countBadToken: (ip) => {
      bad.push(ip);
      if (bad.length > 2) throw new ProblemError("rate_limited", undefined, { retryAfterMs: 1000 });
    },
    routes,
  });
  const ask = (path: string, headers: Record<string, string> = { Authorization: "Bearer ps_valid" }) =>
    app.request(`/api/v1${path}`, { headers }, { ip: "203.0.113.9" });
  return { ask, bad };
}

test("SRV-5, HTTP-25: a key on another route is refused and counted, and so are its refusals, which are told late when there are many", async () => {
  // Five more a second would be told at once.
  using _time = new StillTime();
  const { ask, bad } = appOf();
  const statuses: number[] = [];
  for (let n = 0; n < 12; n++) statuses.push((await ask("/rooms")).status);
  expect(statuses).toEqual([401, 401, ...Array(10).fill(429)]);
  expect(bad).toHaveLength(12);
  const startedAt = Bun.nanoseconds();
  expect((await ask("/rooms")).status).toBe(429);
  expect(Bun.nanoseconds() - startedAt).toBeGreaterThan(400_000_000);
});

test("SRV-3, HTTP-41: pages are refused at the door whatever their key, and count as their address's", async () => {
  const { ask, bad } = appOf();
  const headers = { Authorization: "Bearer ps_valid", Origin: "https://shop.example.com" };
  const replies = await Promise.all(Array.from({ length: 520 }, () => ask("/server/slow", headers)));
  const statuses = replies.map(({ status }) => status);
  expect(statuses.slice(0, 256)).toEqual(Array(256).fill(403));
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
  expect(bad).toEqual([]);
}, 30_000);

test("SRV-8: requests with a valid server key are not counted as in flight, and others of the same address are", async () => {
  const waiting: (() => void)[] = [];
  const routes = newRoutes();
  routes.get("/server/slow", async (c) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return c.text("done");
  });
  const app = appOf(routes);
  const ask = (secret: string) => app.ask("/server/slow", { Authorization: `Bearer ${secret}` });
  const asked = Array.from({ length: 300 }, () => ask("ps_valid"));
  const unknown = Array.from({ length: 256 }, () => ask("ps_unknown"));
  expect((await ask("ps_unknown")).status).toBe(429);
  asked.push(ask("ps_valid"));
  while (waiting.length < 557) await new Promise<void>((resolve) => setImmediate(resolve));
  for (const answer of waiting) answer();
  expect((await Promise.all([...asked, ...unknown])).map(({ status }) => status)).toEqual(Array(557).fill(200));
});
