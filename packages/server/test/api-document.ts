import { loadConfig } from "../src/config/config.ts";
import { createContext } from "../src/context.ts";
import { featureRoutes } from "../src/feature-routes.ts";
import { pollRoutes } from "../src/gateway/poll/poll-routes.ts";
import { sseRoutes } from "../src/gateway/sse/sse-routes.ts";
import { createApp } from "../src/http/app.ts";
import { doctorRoute } from "../src/http/doctor-route.ts";
import { openApiDocument } from "../src/http/document.ts";
import { systemClock } from "../src/lib/clock.ts";
import { once } from "../src/lib/once.ts";
import { Health } from "../src/ops/health.ts";
import { createLogger } from "../src/ops/logger.ts";
import { Metrics } from "../src/ops/metrics.ts";
import { feedRoutes } from "../src/server-api/feed-routes.ts";
import { webhooksRoutes } from "../src/webhooks/webhooks-routes.ts";

/** The parts of JSON Schema and of OpenAPI that tests look into. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly unevaluatedProperties?: boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface Reply {
  readonly $ref?: string;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, { required: boolean; schema: Schema }>>;
  readonly content?: Readonly<Record<string, { schema: Schema }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { required?: boolean; content: Readonly<Record<string, { schema: Schema }>> };
  readonly responses: Readonly<Record<string, Reply>>;
}

export interface ApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Reply>>;
  };
}

/** The document of all routes of a server, made without starting one. Routes take what they need only when they are called. */
export const apiDocument: () => ApiDocument = once(() => {
  const { config } = loadConfig({});
  const later = undefined as never;
  const context = createContext({ config, db: later, epoch: "", writes: later, clock: systemClock });
  const app = createApp({
    config,
    logger: createLogger({ level: "error", sink: process.stderr }),
    metrics: new Metrics(),
    health: new Health(),
    findLogin: later,
    routes: [
      ...featureRoutes(context),
      feedRoutes({} as never),
      webhooksRoutes(later),
      pollRoutes(later),
      sseRoutes(later),
      doctorRoute({} as never),
    ],
  });
  // This is the form in which a client gets it: undefined values are left out.
  return JSON.parse(JSON.stringify(openApiDocument(app, undefined)));
});

/** Every operation, with its method and its path's pattern. */
export function operationsOf({ paths }: ApiDocument) {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}
