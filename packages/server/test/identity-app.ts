import { type Config, loadConfig } from "../src/config/config.ts";
import { type Context, createContext } from "../src/context.ts";
import type { ProcedureTable } from "../src/db/procedures.ts";
import { featureRoutes } from "../src/feature-routes.ts";
import { createApp } from "../src/http/app.ts";
import type { ManualClock } from "../src/lib/clock.ts";
import { HTTP_IDLE_SECONDS } from "../src/listener.ts";
import { Health } from "../src/ops/health.ts";
import { createLogger } from "../src/ops/logger.ts";
import { Metrics } from "../src/ops/metrics.ts";
import { checkAsDocumented } from "./as-documented.ts";
import { endLater } from "./left-running.ts";
import { openScratch, type Scratch } from "./scratch-database.ts";

export interface Ask {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly ip?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into replies of every shape.
  readonly body: any;
}

/** The password of everybody whom `register` makes an account for. */
export const PASSWORD = "a long password";

/** Identity on a real database behind a real port, with a clock that stands still. */
export interface IdentityApp {
  readonly scratch: Scratch;
  readonly context: Context;
  readonly clock: ManualClock;
  readonly url: URL;
  /** Log lines at level trace. */
  readonly lines: string[];
  ask(path: string, ask?: Ask): Promise<Answer>;
  /** Makes an account with `PASSWORD`. */
  register(name: string): Promise<{ uid: number; token: string }>;
  close(): Promise<void>;
}

/** @param env further settings; RATE_LIMITS is off unless they say otherwise; more: see `openScratch` */
export async function openIdentityApp(
  env: Record<string, string> = {},
  more: ProcedureTable = {},
): Promise<IdentityApp> {
  const scratch = await openScratch(more);
  const { clock, db, epoch, writes } = scratch;
  const lines: string[] = [];
  const config: Config = loadConfig({ RATE_LIMITS: "off", ...env }).config;
  const context = createContext({ config, db, epoch, writes, clock });
  scratch.listen((event) => context.logins.onEvent(event));
  scratch.listen((event) => context.qrLogins.onEvent(event));
  const app = createApp({
    config,
    logger: createLogger({ level: "trace", sink: { write: (line) => void lines.push(line) } }),
    metrics: new Metrics(),
    health: new Health(),
    findLogin: (token) => context.logins.find(token),
    routes: featureRoutes(context),
  });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: HTTP_IDLE_SECONDS,
    fetch: (request, server) => app.fetch(request, { ip: request.headers.get("X-Test-Ip") ?? "203.0.113.9", server }),
  });

  const ended = endLater(() => server.stop(true));

  async function ask(path: string, { method, token, body, ip, headers, signal }: Ask = {}): Promise<Answer> {
    const all = new Headers(headers);
    if (token) all.set("Authorization", `Bearer ${token}`);
    if (ip) all.set("X-Test-Ip", ip);
    if (body !== undefined) all.set("Content-Type", "application/json");
    const asked = method ?? (body === undefined ? "GET" : "POST");
    const response = await fetch(new URL(`/api/v1${path}`, server.url), {
      method: asked,
      headers: all,
      // The server ends idle connections after a second, and this client may be about to reuse one at that moment.
      keepalive: false,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const { status, headers: replied } = response;
    const answer = { status, headers: replied, body: text === "" ? undefined : JSON.parse(text) };
    checkAsDocumented({ method: asked, path: `/api/v1${path}`, ...answer });
    return answer;
  }

  return {
    scratch,
    context,
    clock,
    url: server.url,
    lines,
    ask,
    async register(name) {
      const { body } = await ask("/accounts", { body: { name, password: PASSWORD } });
      return { uid: body.user.uid, token: body.token };
    },
    async close() {
      ended();
      await server.stop(true);
      await scratch.close();
    },
  };
}
