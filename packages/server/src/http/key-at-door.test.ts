import { expect, test } from "bun:test";
import { loadConfig } from "../config/config.ts";
import { Health } from "../ops/health.ts";
import { createLogger } from "../ops/logger.ts";
import { Metrics } from "../ops/metrics.ts";
import { createApp } from "./app.ts";
import { newRoutes } from "./openapi.ts";

const KEY = { id: 1, name: "shop", scopes: new Set<never>(), rate: null };

test("SRV-8: requests with a valid server key are not counted as in flight, and others of the same address are", async () => {
  const waiting: (() => void)[] = [];
  const routes = newRoutes();
  routes.get("/server/slow", async (c) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return c.text("done");
  });
  const app = createApp({
    config: loadConfig({}).config,
    logger: createLogger({ level: "silent", sink: { write: () => {} } }),
    metrics: new Metrics(),
    health: new Health(),
    findLogin: async () => undefined,
    findServerKey: async (secret) => (secret === "ps_valid" ? KEY : undefined),
    routes: [routes],
  });
  const ask = (secret: string) =>
    app.request("/api/v1/server/slow", { headers: { Authorization: `Bearer ${secret}` } }, { ip: "203.0.113.9" });
  const asked = Array.from({ length: 300 }, () => ask("ps_valid"));
  const unknown = Array.from({ length: 256 }, () => ask("ps_unknown"));
  expect((await ask("ps_unknown")).status).toBe(429);
  asked.push(ask("ps_valid"));
  while (waiting.length < 557) await new Promise<void>((resolve) => setImmediate(resolve));
  for (const answer of waiting) answer();
  expect((await Promise.all([...asked, ...unknown])).map(({ status }) => status)).toEqual(Array(557).fill(200));
});
