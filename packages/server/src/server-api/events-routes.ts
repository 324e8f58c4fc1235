import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, kindNameSchema, productDataSchema, productKeySchema, SERVER_LIMITS } from "@parley/protocol";
import { json, jsonBody, keyed, newRoutes, problems, type Routes } from "../http/openapi.ts";
import { pushEvent } from "./event-actions.ts";
import { ref, unknownParam } from "./refs.ts";
import { dedupeKey, toAnybody, ttl } from "./requests.ts";
import type { ServerContext } from "./server-context.ts";
import { withKey } from "./with-key.ts";

const Pushed = z
  .object({
    recipients: countSchema.clone().openapi({ description: "People, or rooms" }),
    skipped: z
      .array(ref)
      .max(SERVER_LIMITS.recipients)
      .optional()
      .openapi({ description: "With `unknown=skip`: those that are not known" }),
  })
  .openapi("ServerPushed");

const newEvent = z
  .strictObject({
    to: toAnybody,
    kind: kindNameSchema.clone().openapi({ example: "order.shipped" }),
    data: productDataSchema.clone().openapi({ example: { order: 7 } }),
    dedupeKey,
    collapseKey: productKeySchema
      .clone()
      .optional()
      .openapi({ description: "People who were away get earlier events with the same key without their `data`" }),
    ttl,
    log: z.boolean().default(true).openapi({ description: "False: only those who are live at that moment get it" }),
  })
  .refine(
    ({ log, collapseKey, ttl }) => log || (collapseKey === undefined && ttl === undefined),
    "an event that is not logged cannot have collapseKey or ttl",
  );

/** The product's own events. */
export function productEventsRoutes(context: ServerContext): Routes {
  const routes = newRoutes();
  const push = createRoute({
    method: "post",
    path: "/server/events",
    tags: ["server"],
    security: keyed,
    middleware: withKey(context, "events"),
    summary: "Push an event of your own to up to 1 000 people, to up to 100 rooms, or to everybody",
    description:
      "They get CUSTOM `{kind, data}`, once and in order, even if they come back later. It is in no list and makes no dot. Nothing is done " +
      "if somebody is unknown, unless the request says `unknown=skip`.",
    request: { query: z.object({ unknown: unknownParam }), body: jsonBody(newEvent) },
    responses: {
      200: json(Pushed, "It was already pushed with this `dedupeKey`: the first reply"),
      201: json(Pushed, "It is stored and will be pushed"),
      ...problems("unknown_user", "unknown_room", "dedupe_key_reused"),
    },
  });
  routes.openapi(push, async (c) => {
    const skipUnknown = c.req.valid("query").unknown === "skip";
    const pushed = await pushEvent(context, c.get("serverKey"), { request: c.req.valid("json"), skipUnknown });
    const { skipped, ...reply } = pushed.reply;
    return c.json({ ...reply, ...(skipped ? { skipped: [...skipped] } : {}) }, pushed.created ? 201 : 200);
  });
  return routes;
}
