import { expect, test } from "bun:test";
import { Hono } from "hono";
import type { ProblemError } from "../lib/problem.ts";
import { Health } from "../ops/health.ts";
import { Metrics } from "../ops/metrics.ts";
import type { AppEnv } from "./app-env.ts";
import { problemResponse } from "./errors.ts";
import { operatorRoutes } from "./operator-routes.ts";

const LOCAL = "127.0.0.1";
const ELSEWHERE = "203.0.113.9";

interface Asked {
  readonly token?: string;
  readonly metricsToken?: string;
  /** As the Host header names the server. */
  readonly host?: string;
}

/** What /metrics answers; the text says what to do about a refusal. */
async function metrics(ip: string, { token, metricsToken, host }: Asked) {
  const app = new Hono<AppEnv>();
  app.onError((error) => problemResponse(error as ProblemError));
  app.route("/", operatorRoutes({ health: new Health(), metrics: new Metrics(), metricsToken }));
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const response = await app.request(`http://${host ?? "localhost:8080"}/metrics`, { headers }, {
    ip,
  } as AppEnv["Bindings"]);
  return response.ok ? "ok" : `${response.status} ${((await response.json()) as { detail: string }).detail}`;
}

test.each<[ip: string, asked: Asked, answer: string]>([
  [LOCAL, {}, "ok"],
  [LOCAL, { metricsToken: "right" }, "ok"],
  [LOCAL, { host: "127.0.0.1:8080" }, "ok"],
  [LOCAL, { host: "[::1]:8080" }, "ok"],
  [LOCAL, { host: "parley" }, "ok"],
  [
    LOCAL,
    { host: "evil.example" },
    "403 This needs METRICS_TOKEN, unless the request comes from the server's machine and does not name a domain",
  ],
  [LOCAL, { host: "evil.example", metricsToken: "right" }, "401 This needs the token that METRICS_TOKEN is set to"],
  [LOCAL, { host: "evil.example", metricsToken: "right", token: "right" }, "ok"],
  [LOCAL, { metricsToken: "right", token: "right" }, "ok"],
  [LOCAL, { metricsToken: "right", token: "wrong" }, "401 This is not the token that METRICS_TOKEN is set to"],
  [LOCAL, { token: "any" }, "403 METRICS_TOKEN is not set; send no token"],
  [
    ELSEWHERE,
    {},
    "403 This needs METRICS_TOKEN, unless the request comes from the server's machine and does not name a domain",
  ],
  [
    ELSEWHERE,
    { token: "any" },
    "403 This needs METRICS_TOKEN, unless the request comes from the server's machine and does not name a domain",
  ],
  [ELSEWHERE, { metricsToken: "right" }, "401 This needs the token that METRICS_TOKEN is set to"],
  [ELSEWHERE, { metricsToken: "right", token: "right" }, "ok"],
  [ELSEWHERE, { metricsToken: "right", token: "wrong" }, "401 This is not the token that METRICS_TOKEN is set to"],
])("HTTP-11: /metrics from %s with %j", async (ip, asked, answer) => {
  expect(await metrics(ip, asked)).toBe(answer);
});

/** What /readyz answers of a process that is like this. */
async function readyz(make: (health: Health) => void) {
  const health = new Health();
  make(health);
  const app = new Hono<AppEnv>();
  app.onError((error) => problemResponse(error as ProblemError));
  app.route("/", operatorRoutes({ health, metrics: new Metrics(), metricsToken: undefined }));
  const response = await app.request("/readyz");
  return [response.status, await response.json()];
}

test("NODE-13: a node whose bus does not work is ready and degraded, and says so only as long as that lasts", async () => {
  let works = false;
  const make = (health: Health) => {
    health.set("ready");
    health.busWorks = () => works;
  };
  expect(await readyz(make)).toEqual([200, { status: "degraded", warnings: ["bus_away"] }]);
  works = true;
  expect(await readyz(make)).toEqual([200, { status: "ready", warnings: [] }]);
  works = false;
  const warned = (health: Health) => {
    make(health);
    health.warn("forwarder_untrusted");
  };
  const warnings = ["forwarder_untrusted", "bus_away"];
  expect(await readyz(warned)).toEqual([200, { status: "degraded", warnings }]);
  const failing = (health: Health) => {
    warned(health);
    health.storageFails = true;
  };
  expect(await readyz(failing)).toEqual([503, expect.objectContaining({ state: "storage_fails", warnings })]);
});
