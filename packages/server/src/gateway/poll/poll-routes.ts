import { createRoute, z } from "@hono/zod-openapi";
import { idSchema } from "@parley/protocol";
import type { Context } from "hono";
import type { AppEnv } from "../../http/app-env.ts";
import { holdReply } from "../../http/held-reply.ts";
import type { LargeReplies } from "../../http/large-replies.ts";
import { json, jsonBody, maybeSignedIn, newRoutes, problems, type Routes } from "../../http/openapi.ts";
import { ipLimitKey } from "../../lib/ip-range.ts";
import { SIZES } from "../../limits/sizes.ts";
import type { SignedInReader } from "../connection-lifecycle.ts";
import { authenticateReader, cursor, type HttpReaderParts, max, queryNumber, readerQuery } from "../http-reader.ts";
import { POLL_LIMIT_MAX } from "./poll-reader.ts";
import type { PollReply, Polls } from "./polls.ts";

const tags = ["events"];
const WAIT_SECONDS_MAX = SIZES.pollWait.count;

const limitText = {
  minimum: 1,
  maximum: POLL_LIMIT_MAX,
  description: "The most events in the reply; a larger number counts as the maximum",
};
const waitText = {
  minimum: 0,
  maximum: WAIT_SECONDS_MAX,
  description: "Seconds to wait when there are no events; more count as the maximum",
};
const limit = z.int().min(1).openapi(limitText);
const wait = z.int().min(0).openapi(waitText);

const query = z.object({
  cursor: readerQuery.shape.cursor,
  limit: queryNumber(limit).openapi({
    ...limitText,
    type: "integer",
    default: 100,
  }),
  max: readerQuery.shape.max,
  wait: queryNumber(wait).openapi({
    ...waitText,
    type: "integer",
    default: 0,
  }),
  token: readerQuery.shape.token,
});

const body = z.object({ cursor: cursor.nullish(), limit: limit.nullish(), max: max.nullish(), wait: wait.nullish() });

const Frame = z
  .object({
    type: z.int().min(1),
    stream: z
      .string()
      .regex(/^(all|(room|user):[1-9]\d{0,15})$/)
      .optional(),
    seq: idSchema.optional(),
    data: z.unknown().optional(),
  })
  .openapi("Frame", { description: "One frame, as on every other transport" });

/** The server's own are short, however many rooms there are. */
const ownCursor = z
  .string()
  .regex(/^[0-9a-f]{16};/)
  .max(4096);

const Events = z
  .object({ events: z.array(Frame).max(POLL_LIMIT_MAX), cursor: ownCursor, more: z.boolean() })
  .openapi("Events");

const responses = {
  200: json(Events, "The events since the cursor, and the cursor for the next request"),
  ...problems("cursor_malformed", "origin_forbidden"),
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

/** Polling, short and long. Without a token it shows a public hall. */
export function pollRoutes(parts: HttpReaderParts & { readonly polls: Polls }): Routes {
  const routes = newRoutes();

  const poll = async (c: Context<AppEnv>, ask: z.output<typeof body>) => {
    const reader = await authenticateReader(c, parts);
    // Nobody would read what the reply to a HEAD brings.
    const waitSeconds = c.req.method === "HEAD" ? 0 : Math.min(ask.wait ?? 0, WAIT_SECONDS_MAX);
    const largeReplies = c.get("largeReplies");
    const who = reader ? reader.login.uid : ipLimitKey(c.env.ip);
    largeReplies.check(who);
    const reply = parts.polls
      .poll({
        login: reader?.login,
        ip: c.env.ip,
        userAgent: (c.req.header("User-Agent") ?? "").slice(0, 256),
        isLoginValid: validity(parts, reader),
        cursor: ask.cursor ?? undefined,
        limit: Math.min(ask.limit ?? 100, POLL_LIMIT_MAX),
        max: ask.max ?? undefined,
        waitMs: waitSeconds * 1000,
        signal: c.req.raw.signal,
      })
      .then(c.req.method === "HEAD" ? jsonText : pacedText(largeReplies, who));
    return waitSeconds > 0 ? holdReply(reply) : reply;
  };

  routes.openapi(getEvents, (c) => poll(c, c.req.valid("query")) as never);
  routes.openapi(postEvents, (c) => poll(c, c.req.valid("json")) as never);
  return routes;
}

/** A function of its own, since what it closes over lives as long as the poll hangs. */
function validity(parts: HttpReaderParts, reader: SignedInReader | undefined): () => Promise<boolean> {
  return async () => !reader || (await parts.findLogin(reader.token)) !== undefined;
}

/** A function of its own for the same reason: a request is not kept for its reply, so the listener's idle timeout ends what is cut. */
function pacedText(largeReplies: LargeReplies, who: string | number): (reply: PollReply) => Promise<Response> {
  return (reply) => largeReplies.paced(jsonText(reply), { who, cut: () => {} });
}

/** The frames are JSON text already: each was encoded once. */
function jsonText({ frames, cursor, more }: PollReply): Response {
  const text = `{"events":[${frames.join(",")}],"cursor":${JSON.stringify(cursor)},"more":${more}}`;
  return new Response(text, { headers: { "Content-Type": "application/json", "Cache-Control": "no-store" } });
}
