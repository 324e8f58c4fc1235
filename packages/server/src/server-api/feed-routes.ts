import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema } from "@parley/protocol";
import { holdReply } from "../http/held-reply.ts";
import type { LargeReplies } from "../http/large-replies.ts";
import { json, keyed, newRoutes, problems, type Routes } from "../http/openapi.ts";
import type { KeyRates } from "../keys/key-rates.ts";
import type { HeavyWork } from "../limits/heavy-work.ts";
import { SIZES } from "../limits/sizes.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import { TOLD_NAMES } from "../webhooks/told-events.ts";
import type { Feed, FeedPage } from "./feed.ts";
import { readFeed } from "./feed-actions.ts";
import { withKey } from "./with-key.ts";

const MOST = SIZES.pollEvents.count;
const WAIT_SECONDS_MAX = SIZES.pollWait.count;

const number = (name: string, bounds: { minimum: number; maximum: number; default: number; description: string }) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(bounds.minimum))
    .transform((value) => Math.min(value, bounds.maximum))
    .optional()
    .openapi({ param: { name, in: "query" }, type: "integer", ...bounds });

const FeedEvent = z
  .object({
    event: z.enum([...TOLD_NAMES, "RESYNC"]),
    type: z.int().min(1).max(999).openapi({ description: "The frame's type, as clients get it" }),
    stream: z
      .string()
      .regex(/^(all|(room|user):[1-9]\d{0,15})$/)
      .optional(),
    seq: idSchema.optional(),
    at: countSchema.optional().openapi({ description: "When it happened, in epoch milliseconds" }),
    data: z.unknown(),
  })
  .openapi("FeedEvent");

const cursor = z
  .string()
  .regex(/^[0-9a-f]{16};\*@\d{1,16}$/)
  .openapi({ description: "For the next request; you may store it" });

const FeedReply = z
  .object({ events: z.array(FeedEvent).max(MOST + 1), cursor, more: z.boolean() })
  .openapi("ServerFeed");

export interface FeedRoutesContext {
  readonly keyRates: KeyRates;
  readonly feed: Feed;
  readonly heavyWork: HeavyWork;
}

/** What has happened, as the product's own backend reads it. */
export function feedRoutes(context: FeedRoutesContext): Routes {
  const routes = newRoutes();
  const route = createRoute({
    method: "get",
    path: "/server/feed",
    tags: ["server"],
    security: keyed,
    middleware: withKey(context, "feed"),
    summary: "What has happened since a cursor: at once, or with `wait` as soon as there is something",
    description:
      "In the order in which it happened. Without a cursor the answer is the current cursor. After `RESYNC` read the state that you keep over HTTP, and continue with the cursor in it.",
    request: {
      query: z.object({
        cursor: z.string().optional().openapi({
          maxLength: SIZES.cursor.count,
          description: "`cursor` of the previous reply; if absent, the answer is the current one",
        }),
        limit: number("limit", {
          ...{ minimum: 1, maximum: MOST, default: 100 },
          description: "The most events in the reply; a larger number counts as the maximum",
        }),
        wait: number("wait", {
          ...{ minimum: 0, maximum: WAIT_SECONDS_MAX, default: 0 },
          description: "Seconds to wait when there are no events; more count as the maximum",
        }),
      }),
    },
    responses: {
      200: json(FeedReply, "Events, and the cursor from which to continue"),
      ...problems("cursor_malformed"),
    },
  });
  routes.openapi(route, async (c) => {
    const { cursor, limit = 100, ...asked } = c.req.valid("query");
    // Nobody would read what the reply to a HEAD brings.
    const wait = c.req.method === "HEAD" ? 0 : (asked.wait ?? 0);
    const key = c.get("serverKey");
    const largeReplies = c.get("largeReplies");
    const who = turnOf(key);
    largeReplies.check(who);
    const checkKey = c.get("findKeyAgain") ?? (async () => {});
    const ask = { cursor, limit, waitMs: wait * 1000, signal: c.req.raw.signal, checkKey };
    const reply = readFeed(context, key, ask).then(pacedText(largeReplies, who));
    return (wait > 0 ? holdReply(reply) : await reply) as never;
  });
  return routes;
}

/** A function of its own, since what it closes over lives as long as the request hangs. */
function pacedText(largeReplies: LargeReplies, who: string): (page: FeedPage) => Promise<Response> {
  return ({ frames, cursor, more }) => {
    const text = `{"events":[${frames.join(",")}],"cursor":${JSON.stringify(cursor)},"more":${more}}`;
    const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
    return largeReplies.paced(new Response(text, { headers }), { who, cut: () => {} });
  };
}
