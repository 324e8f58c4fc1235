import { createRoute, z } from "@hono/zod-openapi";
import { LIMITS } from "@parley/protocol";
import type { Context } from "hono";
import type { AppEnv } from "../http/app-env.ts";
import { bearerToken } from "../http/authenticate.ts";
import { json, jsonBody, maybeSignedIn, newRoutes, problems, type Routes } from "../http/openapi.ts";
import { ProblemError } from "../lib/problem.ts";
import type { ConnectedLogin } from "./connection.ts";
import type { SignedInReader } from "./entrance.ts";
import { POLL_LIMIT_MAX } from "./poll/poll-reader.ts";
import type { PollReply, Polls } from "./poll/polls.ts";
import { SSE_HEADERS, type SseDoor } from "./sse/sse.ts";

const tags = ["events"];
const WAIT_SECONDS_MAX = 60;
/** For the runtime's idle timer, beyond `wait`: a request that hangs is answered by then. */
const ANSWER_SECONDS = 15;
/** The same for what an ended stream has left to write. */
const LET_GO_SECONDS = 10;

/** How long it may be is judged with its form: either way it is malformed. */
const cursor = z.string();
const max = z.int().min(1).max(LIMITS.farMax);
const limit = z.int().min(1);
const wait = z.int().min(0);

/** A number in a query, where everything is text. */
const inQuery = (schema: z.ZodType<number, number>) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "must be a whole number")
    .transform(Number)
    .pipe(schema)
    .optional();

const query = z.object({
  cursor: cursor.optional().openapi({ description: "What you have; absent: where is now?" }),
  limit: inQuery(limit).openapi({
    type: "integer",
    description: `Most events, at most ${POLL_LIMIT_MAX}`,
    default: 100,
  }),
  max: inQuery(max).openapi({
    type: "integer",
    maximum: LIMITS.farMax,
    description: `Events behind to be sent instead of a RESYNC; absent: ${LIMITS.farPerStream} in a stream, ${LIMITS.farTotal} in all`,
  }),
  wait: inQuery(wait).openapi({
    type: "integer",
    description: `Seconds to hang when there is nothing, at most ${WAIT_SECONDS_MAX}`,
  }),
  token: z.string().optional().openapi({ description: "For clients that cannot set headers" }),
});

const body = z.object({ cursor: cursor.nullish(), limit: limit.nullish(), max: max.nullish(), wait: wait.nullish() });

const Frame = z
  .object({ type: z.number(), stream: z.string().optional(), seq: z.number().optional(), data: z.unknown().optional() })
  .openapi("Frame", { description: "One frame, as on every other transport" });

const Events = z.object({ events: z.array(Frame), cursor: z.string(), more: z.boolean() }).openapi("Events");

const responses = {
  200: json(Events, "What came since the cursor, and the cursor to bring next"),
  ...problems(400, 401, 429),
};
const summary = "Events since a cursor: at once, or with `wait` as soon as there is one";

const getEvents = createRoute({
  method: "get",
  path: "/events",
  tags,
  summary,
  security: maybeSignedIn,
  request: { query },
  responses,
});

const postEvents = createRoute({
  method: "post",
  path: "/events",
  tags,
  summary: `${summary}; for cursors too long for an address`,
  security: maybeSignedIn,
  request: { body: jsonBody(body), query: z.object({ token: z.string().optional() }) },
  responses,
});

const getStream = createRoute({
  method: "get",
  path: "/events/stream",
  tags,
  summary: "Server-sent events: READY, what came since the cursor, then everything as it comes",
  security: maybeSignedIn,
  request: { query: query.pick({ cursor: true, max: true, token: true }) },
  responses: {
    200: {
      description: "`data:` is one frame, `id:` the cursor; a `Last-Event-ID` header counts more than `cursor`",
      content: { "text/event-stream": { schema: z.string() } },
    },
    ...problems(400, 401, 429),
  },
});

export interface EventsParts {
  readonly polls: Polls;
  readonly sse: SseDoor;
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
  /** Whether who brings no token reads the hall. */
  readonly publicHall: boolean;
  /** Counts a token that did not hold. @throws ProblemError `rate_limited` when its sender has had enough */
  readonly countBadToken: (ip: string) => void;
}

/** The two doors beside WebSocket: polling, short and long, and server-sent events. Without a token they show a public hall. */
export function eventsRoutes({ polls, sse, findLogin, publicHall, countBadToken }: EventsParts): Routes {
  const routes = newRoutes();

  /** Undefined: an anonymous reader of a public hall. */
  const readerOf = async (c: Context<AppEnv>): Promise<SignedInReader | undefined> => {
    const token = bearerToken(c.req.header("Authorization")) ?? c.req.query("token");
    if (!token) {
      if (publicHall) return undefined;
      throw new ProblemError("unauthorized");
    }
    const login = await findLogin(token);
    if (!login) {
      countBadToken(c.env.ip);
      throw new ProblemError("unauthorized", "This token is not valid; sign in again");
    }
    c.set("login", login);
    return { login, token };
  };

  const poll = async (c: Context<AppEnv>, ask: z.output<typeof body>) => {
    const reader = await readerOf(c);
    const waitSeconds = Math.min(ask.wait ?? 0, WAIT_SECONDS_MAX);
    // The listener's idle timeout would cut a request that hangs.
    if (waitSeconds > 0) c.env.server?.timeout(c.req.raw, waitSeconds + ANSWER_SECONDS);
    const reply = await polls.poll({
      login: reader?.login,
      ip: c.env.ip,
      holds: async () => !reader || (await findLogin(reader.token)) !== undefined,
      cursor: ask.cursor ?? undefined,
      limit: Math.min(ask.limit ?? 100, POLL_LIMIT_MAX),
      max: ask.max ?? undefined,
      waitMs: waitSeconds * 1000,
      signal: c.req.raw.signal,
    });
    return jsonText(reply);
  };

  routes.openapi(getEvents, (c) => poll(c, c.req.valid("query")) as never);
  routes.openapi(postEvents, (c) => poll(c, c.req.valid("json")) as never);
  routes.openapi(getStream, async (c) => {
    const reader = await readerOf(c);
    // A body that nobody reads would never end.
    if (c.req.method === "HEAD") return new Response(null, { headers: SSE_HEADERS }) as never;
    const asked = c.req.valid("query");
    // A browser that reconnects repeats the address and adds where it came to.
    const cursor = c.req.header("Last-Event-ID") || asked.cursor;
    const { server } = c.env;
    const request = c.req.raw;
    server?.timeout(request, 0);
    return sse.open({
      reader,
      cursor,
      max: asked.max,
      ip: c.env.ip,
      userAgent: c.req.header("User-Agent") ?? "",
      letGo: () => server?.timeout(request, LET_GO_SECONDS),
      signal: request.signal,
    }) as never;
  });
  return routes;
}

/** The frames are JSON text already: encoded once, where they were written. */
function jsonText({ frames, cursor, more }: PollReply): Response {
  const text = `{"events":[${frames.join(",")}],"cursor":${JSON.stringify(cursor)},"more":${more}}`;
  return new Response(text, { headers: { "Content-Type": "application/json", "Cache-Control": "no-store" } });
}
