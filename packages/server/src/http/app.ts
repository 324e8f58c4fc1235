/**
 * The shell of the HTTP API: mounting, authentication, limits, errors, the document. Routes live with their features and are
 * handed in as a list, so this room knows no feature. Everything that is refused leaves as a problem document, everything
 * answered carries the security headers, and nothing is logged twice. Order of the middlewares: the log and counters see
 * every answer, then headers, CORS, the refusal while draining, the body (its size, its encoding), and last the route with its own.
 * Live connections do not come here: the listener upgrades them before. Must not import features or the gateway.
 */
import type { Hono } from "hono";
import type { Config } from "../config/config.ts";
import { ProblemError } from "../lib/problem.ts";
import { HeavyWork } from "../limits/heavy-work.ts";
import type { Rates } from "../limits/rates.ts";
import { SIZES } from "../limits/sizes.ts";
import type { Health } from "../ops/health.ts";
import type { Logger } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { AppEnv } from "./app-env.ts";
import { authenticate } from "./authenticate.ts";
import { bodyLimit } from "./body-limit.ts";
import { cors } from "./cors.ts";
import { docsRoutes } from "./docs-routes.ts";
import { openApiDocument } from "./document.ts";
import { errorHandler, errorResponses, problemResponse } from "./errors.ts";
import { answerHeld } from "./held-reply.ts";
import { boundInFlight } from "./in-flight.ts";
import { findKeyAtDoor, refuseMisusedKeys } from "./key-at-door.ts";
import { knownHost } from "./known-host.ts";
import { LargeReplies } from "./large-replies.ts";
import type { CountBadToken, FindLogin } from "./login.ts";
import { observe } from "./observe.ts";
import { newRoutes, type Routes } from "./openapi.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { originRules } from "./origin.ts";
import { refuseOtherMethods } from "./other-methods.ts";
import { Problem } from "./problem-replies.ts";
import { requestRates } from "./request-rates.ts";
import { securityHeaders } from "./security-headers.ts";
import type { FindServerKey } from "./server-key.ts";
import { strictJson } from "./strict-json.ts";

export interface AppParts {
  readonly config: Pick<Config, "listen" | "secrets">;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The page of all processes of the machine; without it that of `metrics`. */
  readonly metricsPage?: (() => Promise<string>) | undefined;
  readonly health: Health;
  readonly findLogin: FindLogin;
  /** Without it no server key is valid. */
  readonly findServerKey?: FindServerKey;
  /** The limit of bad tokens, shared by all transports and routes; without it they are not counted. */
  readonly countBadToken?: CountBadToken;
  /** Turns of heavy requests, shared with the other transports; without it the app has its own. */
  readonly heavyWork?: HeavyWork;
  /** Mounted under /api/v1. */
  readonly routes: readonly Routes[];
  /** Mounted at /, after everything else; not in the document. */
  readonly pages?: Hono<AppEnv>;
  /** Counts of requests, and of the refusals that an address gets at once; without them the app has its own. */
  readonly rates?: Pick<Rates, "refusalsAtOnce" | "anonymousRequests" | "anonymousRequestsOfNetwork" | "requests">;
  /** Told of each request of a page of another host. */
  readonly onForeignOrigin?: (origin: string) => void;
  /** Whether replies end their connections: few files are left that this process may open, or it is about to close all of them. */
  readonly endsConnections?: () => boolean;
  /** Large replies that wait; without it the app has a count of its own. */
  readonly largeReplies?: LargeReplies;
  /** How long a body may take to come, in place of the table's time. */
  readonly bodyWaitMs?: number;
  /** Called at every API request; a refusal that it returns, such as `draining`, is the answer. */
  readonly refusal?: () => ProblemError | undefined;
  /** What somebody at an address is told that was banned since their request came. */
  readonly addressRefusal?: (ip: string) => ProblemError | undefined;
}

/** Called once. `app.fetch(request, { ip, server })` answers one request and never rejects. */
export function createApp(parts: AppParts): Routes {
  const { config, logger, metrics, health, findLogin, countBadToken = () => {}, routes, pages, refusal } = parts;
  const { findServerKey = async () => undefined } = parts;
  const { endsConnections = () => false, heavyWork = new HeavyWork(), rates } = parts;
  const { bodyWaitMs = SIZES.bodyWait.count * 1000, largeReplies = new LargeReplies() } = parts;
  const { onForeignOrigin = () => {} } = parts;
  const { publicUrl, allowedOrigins, corsByProxy } = config.listen;
  const app = newRoutes();
  const respond = errorResponses(logger);
  app.onError(errorHandler(respond));
  app.notFound(() => problemResponse(new ProblemError("not_found")));

  app.use(observe({ logger, metrics }));
  app.use(async (c, next) => {
    await next();
    if (endsConnections()) c.res.headers.set("Connection", "close");
  });
  app.use(securityHeaders({ tls: config.listen.tls !== undefined }));
  if (publicUrl !== undefined) app.use(knownHost({ publicUrl, allowedOrigins }));
  app.use(cors({ rules: originRules(config.listen), byProxy: corsByProxy, onForeign: onForeignOrigin }));
  // Behind CORS, so that a page of another host can read why it is refused, or that it has to wait.
  app.use("/api/*", findKeyAtDoor({ findServerKey }));
  app.use(boundInFlight({ atOnce: rates?.refusalsAtOnce }));
  app.use(
    requestRates({
      findLogin,
      ofAddress: rates?.anonymousRequests,
      ofNetwork: rates?.anonymousRequestsOfNetwork,
      ofPerson: rates?.requests,
    }),
  );
  app.use("/api/*", refuseMisusedKeys({ countBadToken }));
  app.use(refuseOtherMethods(() => app.routes));
  app.use("/api/*", async (_, next) => {
    const problem = refusal?.();
    if (problem) throw problem;
    await next();
  });
  app.use(bodyLimit(SIZES.body.count, { waitMs: bodyWaitMs }));
  app.use(strictJson({ waitMs: bodyWaitMs }));
  app.use(authenticate({ findLogin, countBadToken, heavyWork, largeReplies, addressRefusal: parts.addressRefusal }));

  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.openAPIRegistry.registerComponent("securitySchemes", "serverKey", {
    type: "http",
    scheme: "bearer",
    description: "A server key (`ps_…`), made by `parley key add`",
  });
  app.openAPIRegistry.register("Problem", Problem);
  for (const feature of routes) app.route("/api/v1", feature);
  app.route(
    "/",
    operatorRoutes({ health, metrics, page: parts.metricsPage, metricsToken: config.secrets.metricsToken }),
  );
  app.route(
    "/",
    docsRoutes(() => openApiDocument(app, publicUrl)),
  );
  if (pages) app.route("/", pages);
  return answerHeld(app, respond);
}
