import { createRoute, z } from "@hono/zod-openapi";
import { loadConfig } from "../src/config/config.ts";
import { type AppParts, createApp } from "../src/http/app.ts";
import { optionalLogin, requireLogin } from "../src/http/authenticate.ts";
import {
  idParam,
  json,
  jsonBody,
  limitParam,
  maybeSignedIn,
  newRoutes,
  noContent,
  problems,
  signedIn,
} from "../src/http/openapi.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { ipLimitKey } from "../src/lib/ip-range.ts";
import type { ProblemError } from "../src/lib/problem.ts";
import { SharedRate } from "../src/limits/shared-rate.ts";
import { Health } from "../src/ops/health.ts";
import { createLogger } from "../src/ops/logger.ts";
import { Metrics } from "../src/ops/metrics.ts";
import { endLater } from "./left-running.ts";

const Note = z.object({ id: z.number().int(), text: z.string(), by: z.number().int().nullable() }).openapi("Note");
const noteId = z.object({ id: idParam("id") });

const SCANS = {
  counts: "scans",
  by: "address",
  count: 2,
  windowMs: 60_000,
  refusal: { code: "rate_limited" },
} as const;

/** A minimal feature that uses everything the shell offers. */
function notesRoutes(scans: SharedRate) {
  const routes = newRoutes();
  routes.openapi(
    createRoute({
      method: "put",
      path: "/notes/{id}",
      tags: ["notes"],
      security: signedIn,
      middleware: [requireLogin] as const,
      request: {
        params: noteId,
        body: jsonBody(z.object({ text: z.string().max(100_000), tags: z.array(z.string()).optional() })),
      },
      responses: { 200: json(Note, "The note"), ...problems("forbidden", "not_found") },
    }),
    (c) => c.json({ id: c.req.valid("param").id, text: c.req.valid("json").text, by: c.get("login").uid }, 200),
  );
  routes.openapi(
    createRoute({
      method: "get",
      path: "/notes/{id}",
      tags: ["notes"],
      security: maybeSignedIn,
      middleware: [optionalLogin] as const,
      request: { params: noteId, query: z.object({ limit: limitParam }) },
      responses: { 200: json(Note, "The note") },
    }),
    (c) =>
      c.json(
        { id: c.req.valid("param").id, text: `${c.req.valid("query").limit}`, by: c.get("login")?.uid ?? null },
        200,
      ),
  );
  routes.openapi(createRoute({ method: "delete", path: "/notes/latest", responses: { 204: noContent("Gone") } }), (c) =>
    c.body(null, 204),
  );
  routes.openapi(
    createRoute({
      method: "delete",
      path: "/notes/{id}",
      security: signedIn,
      middleware: [requireLogin] as const,
      request: { params: noteId },
      responses: { 204: noContent("Gone") },
    }),
    (c) => c.body(null, 204),
  );
  routes.openapi(
    createRoute({
      method: "post",
      path: "/notes/{id}/scan",
      request: { params: noteId },
      responses: { 204: noContent("Scanned") },
    }),
    async (c) => {
      await scans.take(ipLimitKey(c.env.ip));
      return c.body(null, 204);
    },
  );
  routes.openapi(createRoute({ method: "get", path: "/fault", responses: { 204: noContent("Never") } }), () => {
    throw new Error("the disk said: SECRET-DETAIL");
  });
  return routes;
}

const LOGINS = {
  alice: { loginId: 7, uid: 20_000, power: 0 },
} as const;

export interface Ask extends RequestInit {
  readonly token?: string;
  /** The client's address; a documentation address when absent. */
  readonly ip?: string;
}

/** The shell around one small feature, behind a real listener: for tests of `http/`. */
export class AppFixture {
  readonly lines: string[] = [];
  readonly health = new Health();
  refusal: ProblemError | undefined;
  readonly #server: Bun.Server<undefined>;
  #written = Promise.withResolvers<void>();
  readonly #ended = endLater(() => this.stop());

  constructor(env: Record<string, string> = {}, parts: Partial<AppParts> = {}) {
    const standard = { ALLOWED_ORIGINS: "https://app.example.com", METRICS_TOKEN: "metrics-token-0123" };
    const app = createApp({
      config: loadConfig({ ...standard, ...env }).config,
      logger: createLogger({ level: "debug", sink: { write: (line) => this.#write(line) } }),
      metrics: new Metrics(),
      health: this.health,
      findLogin: async (token) => (Object.hasOwn(LOGINS, token) ? LOGINS[token as keyof typeof LOGINS] : undefined),
      routes: [notesRoutes(new SharedRate(SCANS, { enabled: true }))],
      refusal: () => this.refusal,
      ...parts,
    });
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => app.fetch(request, { ip: request.headers.get("X-Test-Ip") ?? "203.0.113.9" }),
    });
  }

  get origin(): string {
    return this.#server.url.origin;
  }

  ask(path: string, { token, ip, ...init }: Ask = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (ip) headers.set("X-Test-Ip", ip);
    return fetch(new URL(path, this.origin), { ...init, headers });
  }

  /** The first line from an index on that has this text. */
  async logged(text: string, from: number): Promise<string> {
    for (;;) {
      const line = this.lines.slice(from).find((one) => one.includes(text));
      if (line) return line;
      await withDeadline(this.#written.promise, 5000, `nothing was logged with ${text}`);
    }
  }

  #write(line: string): void {
    this.lines.push(line);
    this.#written.resolve();
    this.#written = Promise.withResolvers();
  }

  async stop(): Promise<void> {
    this.#ended();
    await this.#server.stop(true);
  }
}

/** The problem document of a refusal, after checking its form. */
export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const document = (await response.json()) as Record<string, unknown>;
  const form = { type: response.headers.get("Content-Type"), status: document.status, title: typeof document.title };
  const wanted = { type: "application/problem+json", status: response.status, title: "string" };
  if (!Bun.deepEquals(form, wanted)) throw new Error(`not a problem document: ${JSON.stringify(document)}`);
  return document;
}
