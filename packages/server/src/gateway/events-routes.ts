import { createRoute, z } from "@hono/zod-openapi";
import { LIMITS } from "@parley/protocol";
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../http/app-env.ts";
import { bearerToken } from "../http/authenticate.ts";
import { json, jsonBody, newRoutes, problems, type Routes, signedIn } from "../http/openapi.ts";
import { ProblemError } from "../lib/problem.ts";
import type { ConnectedLogin } from "./connection.ts";
import { POLL_LIMIT_MAX } from "./poll-reader.ts";
import type { PollReply, Polls } from "./polls.ts";
import type { SseDoor } from "./sse.ts";

const tags = ["events"];
const WAIT_SECONDS_MAX = 60;

const cursor = z.string().max(LIMITS.cursorBytes, `must have at most ${LIMITS.cursorBytes} characters`);
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
  max: inQuery(max).openapi({ type: "integer", description: "Events behind to be sent instead of a RESYNC" }),
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
  ...problems(400, 401),
};
const summary = "Events since a cursor: at once, or with `wait` as soon as there is one";

const getEvents = createRoute({
  method: "get",
  path: "/events",
  tags,
  summary,
  security: signedIn,
  request: { query },
  responses,
});

const postEvents = createRoute({
  method: "post",
  path: "/events",
  tags,
  summary: `${summary}; for cursors too long for an address`,
  security: signedIn,
  request: { body: jsonBody(body), query: z.object({ token: z.string().optional() }) },
  responses,
});

const getStream = createRoute({
  method: "get",
  path: "/events/stream",
  tags,
  summary: "Server-sent events: READY, what came since the cursor, then everything as it comes",
  security: signedIn,
  request: { query: query.pick({ cursor: true, max: true, token: true }) },
  responses: {
    200: { description: "text/event-stream; `data:` is one frame, `id:` the cursor" },
    ...problems(400, 401),
  },
});

export interface EventsParts {
  readonly polls: Polls;
  readonly sse: SseDoor;
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
}

/** The two doors beside WebSocket: polling, short and long, and server-sent events. */
export function eventsRoutes({ polls, sse, findLogin }: EventsParts): Routes {
  const routes = newRoutes();

  const poll = async (c: Parameters<MiddlewareHandler<AppEnv>>[0], ask: z.output<typeof body>) => {
    const login = await readerOf(c.req.header("Authorization"), c.req.query("token"), findLogin);
    const waitMs = Math.min(ask.wait ?? 0, WAIT_SECONDS_MAX) * 1000;
    // The listener's idle timeout would cut a request that hangs.
    if (waitMs > 0) c.env.server?.timeout(c.req.raw, 0);
    const reply = await polls.poll({
      login,
      cursor: ask.cursor ?? undefined,
      limit: Math.min(ask.limit ?? 100, POLL_LIMIT_MAX),
      max: ask.max ?? undefined,
      waitMs,
      signal: c.req.raw.signal,
    });
    return jsonText(reply);
  };

  routes.openapi(getEvents, (c) => poll(c, c.req.valid("query")) as never);
  routes.openapi(postEvents, (c) => poll(c, c.req.valid("json")) as never);
  routes.openapi(getStream, async (c) => {
    const login = await readerOf(c.req.header("Authorization"), c.req.query("token"), findLogin);
    const asked = c.req.valid("query");
    // A browser that reconnects repeats the address and adds where it came to.
    const cursor = c.req.header("Last-Event-ID") || asked.cursor;
    c.env.server?.timeout(c.req.raw, 0);
    return sse.open({
      login,
      cursor,
      max: asked.max,
      ip: c.env.ip,
      userAgent: c.req.header("User-Agent") ?? "",
      signal: c.req.raw.signal,
    }) as never;
  });
  return routes;
}

async function readerOf(
  header: string | undefined,
  queryToken: string | undefined,
  findLogin: EventsParts["findLogin"],
): Promise<ConnectedLogin> {
  const token = bearerToken(header) ?? queryToken;
  const login = token ? await findLogin(token) : undefined;
  if (!login) throw new ProblemError("unauthorized", token ? "This token is not valid; sign in again" : undefined);
  return login;
}

/** The frames are JSON text already: encoded once, where they were written. */
function jsonText({ frames, cursor, more }: PollReply): Response {
  const text = `{"events":[${frames.join(",")}],"cursor":${JSON.stringify(cursor)},"more":${more}}`;
  return new Response(text, { headers: { "Content-Type": "application/json", "Cache-Control": "no-store" } });
}
