import { Hono } from "hono";
import { ProblemError } from "../lib/problem.ts";
import { sameSecret } from "../lib/same-secret.ts";
import type { Health } from "../ops/health.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { AppEnv } from "./app-env.ts";
import { bearerToken } from "./authenticate.ts";
import { isNoDomain } from "./known-host.ts";
import { isFromThisMachine } from "./local-request.ts";

interface OperatorParts {
  readonly health: Health;
  readonly metrics: Metrics;
  /** See `createApp`. */
  readonly page?: (() => Promise<string>) | undefined;
  readonly metricsToken: string | undefined;
}

/** What probes and scrapers ask: /healthz (the process answers), /readyz (it should get traffic), /metrics. */
export function operatorRoutes({
  health,
  metrics,
  page = () => metrics.text(),
  metricsToken,
}: OperatorParts): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get("/healthz", (c) => c.json({ status: "ok" }));

  routes.get("/readyz", (c) => {
    const { state, warnings, storageFails } = health;
    if (state === "ready" && storageFails) {
      const extra = { state: "storage_fails", warnings };
      throw new ProblemError("not_ready", "Nothing can be stored at the moment; the log says why", {
        extra,
        retryAfterMs: 5000,
      });
    }
    if (state === "ready") return c.json({ status: health.busWorks() ? "ready" : "degraded", warnings });
    const extra = { state, warnings };
    throw state === "draining"
      ? new ProblemError("draining", undefined, { extra, retryAfterMs: 5000 })
      : new ProblemError("not_ready", "The server is starting", { extra, retryAfterMs: 1000 });
  });

  routes.get("/metrics", async (c) => {
    const token = bearerToken(c.req.header("Authorization"));
    // A page whose name was made to lead here would be asked by a browser on this machine.
    const local = isFromThisMachine(c.env.ip, c.req.raw.headers) && isNoDomain(new URL(c.req.raw.url).hostname);
    if (!local || token !== undefined) checkToken({ given: token, expected: metricsToken, local });
    return c.body(await page(), 200, { "Content-Type": metrics.contentType });
  });

  return routes;
}

interface MetricsAsked {
  readonly given: string | undefined;
  readonly expected: string | undefined;
  /** Asked from this machine, where a token is not needed, but one that is given has to be right. */
  readonly local: boolean;
}

function checkToken({ given, expected, local }: MetricsAsked): void {
  if (expected === undefined) {
    const elsewhere =
      "This needs METRICS_TOKEN, unless the request comes from the server's machine and does not name a domain";
    throw new ProblemError("forbidden", local ? "METRICS_TOKEN is not set; send no token" : elsewhere);
  }
  if (given === undefined) throw new ProblemError("unauthorized", "This needs the token that METRICS_TOKEN is set to");
  if (!sameSecret(given, expected))
    throw new ProblemError("unauthorized", "This is not the token that METRICS_TOKEN is set to");
}
