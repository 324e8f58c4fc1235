import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { newRequestId } from "../lib/ids.ts";
import { type Logger, requestLog } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { AppEnv } from "./app-env.ts";

/** Outermost middleware: names the request, and writes its log line and counters when it is answered. */
export function observe({ logger, metrics }: { logger: Logger; metrics: Metrics }): MiddlewareHandler<AppEnv> {
  const log = requestLog(logger);
  return async (c, next) => {
    const requestId = newRequestId();
    c.set("requestId", requestId);
    const startedAt = performance.now();
    await next();
    const ms = Math.round((performance.now() - startedAt) * 100) / 100;
    const { status, headers } = c.res;
    const { method, path } = c.req;
    headers.set("X-Request-Id", requestId);
    // The pattern, not the path: paths hold ids, and a label with many values fills the memory of whoever scrapes.
    const pattern = matchedRoutes(c).at(-1)?.path ?? "*";
    const route = pattern.endsWith("*") ? "none" : pattern;
    metrics.httpRequests.inc({ method: KNOWN_METHODS.has(method) ? method : "other", route, status });
    metrics.httpSeconds.observe({ route }, ms / 1000);
    log({ requestId, method, path, status, ms, ip: c.env.ip, loginId: c.get("login")?.loginId });
  };
}

const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
