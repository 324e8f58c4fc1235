import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { newRequestId } from "../lib/ids.ts";
import { type Logger, loggedPath, type RequestLine, requestLog } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { AppEnv } from "./app-env.ts";
import { whenReplied } from "./held-reply.ts";
import type { Login } from "./login.ts";
import { RefusalLines } from "./refusal-lines.ts";
import { setSecurityHeaders } from "./security-headers.ts";

interface Observers {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Writes the log line and counters of one request that was answered. `route`: a pattern, or `none`. */
export function requestRecorder({ logger, metrics }: Observers): (line: RequestLine, route: string) => void {
  const log = requestLog(logger);
  const refusalLines = new RefusalLines();
  const countersOf = boundCounters(metrics);
  return (line, route) => {
    const method = KNOWN_METHODS.has(line.method) ? line.method : "other";
    const { requests, seconds } = countersOf(method, route, line.status);
    requests.inc();
    seconds.observe(line.ms / 1000);
    if (line.key !== undefined) metrics.keyRequests.inc({ key: line.key, status: line.status });
    // A preflight costs its sender nothing, whether it is refused or not.
    const isBounded = (line.status >= 400 && line.status < 500) || line.method === "OPTIONS";
    if (!isBounded || line.key !== undefined) return log(line);
    const leftOut = refusalLines.admit(line.ip);
    if (leftOut !== undefined) log(leftOut > 0 ? { ...line, leftOut } : line);
  };
}

/** The counters of one kind of request, looked up once: as many as there are routes, methods and statuses. */
function boundCounters(metrics: Metrics) {
  const bound = (method: string, route: string, status: number) => ({
    requests: metrics.httpRequests.labels({ method, route, status }),
    seconds: metrics.httpSeconds.labels({ route }),
  });
  const known = new Map<string, ReturnType<typeof bound>>();
  return (method: string, route: string, status: number) => {
    const key = `${method} ${status} ${route}`;
    const found = known.get(key);
    if (found) return found;
    const counters = bound(method, route, status);
    known.set(key, counters);
    return counters;
  };
}

/**
 * Answers that the app does not make: counted and logged like its own. A refusal gets the name and the headers that every answer has; a handshake that is
 * accepted has its name already, and is a connection.
 */
export function answersOutsideOfApp(
  observers: Observers & { readonly tls: boolean },
): (request: Pick<Request, "method">, answered: OutsideAnswer) => Response | undefined {
  const record = requestRecorder(observers);
  return ({ method }, { route, path, ip, ms, response, requestId = newRequestId(), login, ...handshake }) => {
    if (response) {
      response.headers.set("X-Request-Id", requestId);
      setSecurityHeaders(response, observers);
    }
    const status = response?.status ?? 101;
    const line = { requestId, method, path: loggedPath(path), status, ms, ip, ...handshake };
    record({ ...line, uid: login?.uid, loginId: login?.loginId, key: undefined }, route);
    if (handshake.outcome !== undefined) observers.metrics.handshakes.inc({ outcome: handshake.outcome });
    return response;
  };
}

export interface OutsideAnswer {
  /** A pattern, or `none`. */
  readonly route: string;
  /** Without the query. */
  readonly path: string;
  readonly ip: string;
  /** See `since`. */
  readonly ms: number;
  /** Of a handshake whose token is good. */
  readonly login?: Pick<Login, "uid" | "loginId"> | undefined;
  /** Undefined: the handshake was accepted. */
  readonly response: Response | undefined;
  /** The answer's name where it has one already. */
  readonly requestId?: string;
  /** Of handshakes, see `RequestLine`. */
  readonly outcome?: string;
  readonly connection?: string;
}

/** Milliseconds since a moment of `performance.now`. */
export function since(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 100) / 100;
}

/** Outermost middleware: names the request, and writes its log line and counters when it is answered. */
export function observe(observers: Observers): MiddlewareHandler<AppEnv> {
  const record = requestRecorder(observers);
  return async (c, next) => {
    const requestId = newRequestId();
    const startedAt = performance.now();
    await next();
    c.res.headers.set("X-Request-Id", requestId);
    const { method, path } = c.req;
    const request = { requestId, method, path: loggedPath(path), ip: c.env.ip, ...askedBy(c) };
    // The pattern, not the path: paths hold ids, and a label with many values fills the memory of the scraper.
    const pattern = matchedRoutes(c).at(-1)?.path ?? "*";
    const route = pattern.endsWith("*") ? "none" : pattern;
    whenReplied(c.res, recorder(record, { request, route, startedAt }));
  };
}

function askedBy(c: Context<AppEnv>): Pick<RequestLine, "uid" | "loginId" | "key"> {
  const login = c.get("login");
  return { uid: login?.uid, loginId: login?.loginId, key: c.get("serverKey")?.name };
}

/** A function of its own, since what it closes over lives as long as a request that hangs. */
function recorder(
  record: ReturnType<typeof requestRecorder>,
  { request, route, startedAt }: { request: Omit<RequestLine, "status" | "ms">; route: string; startedAt: number },
): (status: number) => void {
  return (status) => record({ ...request, status, ms: since(startedAt) }, route);
}

const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
