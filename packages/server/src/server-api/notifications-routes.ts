import { createRoute, z } from "@hono/zod-openapi";
import {
  countSchema,
  idSchema,
  linkSchema,
  matterKeySchema,
  noticeKindSchema,
  notificationTextSchema,
  notificationTitleSchema,
  productDataSchema,
  productKeySchema,
  SERVER_LIMITS,
} from "@parley/protocol";
import { idParam, json, jsonBody, keyed, newRoutes, noContent, problems, type Routes } from "../http/openapi.ts";
import * as actions from "./notification-actions.ts";
import { ref, unknownParam } from "./refs.ts";
import { dedupeKey, toPeople, ttl } from "./requests.ts";
import type { ServerContext } from "./server-context.ts";
import { withKey } from "./with-key.ts";

const data = productDataSchema.clone().optional();

const Sent = z
  .object({
    id: idSchema,
    recipients: countSchema,
    skipped: z
      .array(ref)
      .max(SERVER_LIMITS.recipients)
      .optional()
      .openapi({ description: "With `unknown=skip`: those who are not known" }),
  })
  .openapi("ServerNotified");

const newNotification = z.strictObject({
  to: toPeople,
  kind: noticeKindSchema.clone().openapi({ example: "approval" }),
  title: notificationTitleSchema.clone().openapi({ example: "A request waits for you" }),
  text: notificationTextSchema.clone().openapi({ example: "Ada asks for three days off." }),
  link: linkSchema.clone().optional().openapi({ example: "/requests/7" }),
  data,
  key: matterKeySchema.clone().optional().openapi({
    description: "The product's name for the matter, by which to settle it or take it back",
    example: "request-7",
  }),
  dedupeKey,
  collapseKey: productKeySchema
    .clone()
    .optional()
    .openapi({ description: "An earlier notification with the same key leaves the lists of those who get this one" }),
  ttl,
});

const changes = z.strictObject({
  title: notificationTitleSchema.clone().optional(),
  text: notificationTextSchema.clone().optional(),
  link: linkSchema.clone().nullish(),
  data,
  done: z.boolean().optional().openapi({ description: "It is settled and makes no dot" }),
});

const ofMatter = z.object({
  kind: noticeKindSchema.clone().openapi({ param: { name: "kind", in: "path" }, example: "approval" }),
  key: matterKeySchema.clone().openapi({ param: { name: "key", in: "path" }, example: "request-7" }),
});

/** Notifications that the product sends, changes, settles and takes back. */
export function productNotificationsRoutes(context: ServerContext): Routes {
  const route = { tags: ["server"], security: keyed, middleware: withKey(context, "notifications") };
  const path = "/server/notifications";
  const routes = newRoutes();

  const send = createRoute({
    ...route,
    method: "post",
    path,
    summary: "Send a notification to up to 1 000 people, or to everybody",
    description:
      "It stays in their lists for 90 days, or until it expires (`ttl`, in seconds), and makes a dot until it is seen. Nothing is done if " +
      "somebody is unknown, unless the request says `unknown=skip` and somebody is left.",
    request: { query: z.object({ unknown: unknownParam }), body: jsonBody(newNotification) },
    responses: {
      200: json(Sent, "It was already sent with this `dedupeKey`: the first reply"),
      201: json(Sent, "It is stored and will be pushed"),
      ...problems("unknown_user", "dedupe_key_reused"),
    },
  });
  routes.openapi(send, async (c) => {
    const skipUnknown = c.req.valid("query").unknown === "skip";
    const sent = await actions.notify(context, c.get("serverKey"), { request: c.req.valid("json"), skipUnknown });
    const { skipped, ...reply } = sent.reply;
    return c.json({ ...reply, ...(skipped ? { skipped: [...skipped] } : {}) }, sent.created ? 201 : 200);
  });

  const change = createRoute({
    ...route,
    method: "patch",
    path: `${path}/{id}`,
    summary: "Change a notification for everybody who has it",
    description: "What people have seen and read stays so. `link: null` and `data: null` remove these fields.",
    request: { params: z.object({ id: idParam("id") }), body: jsonBody(changes) },
    responses: {
      200: json(z.object({ id: idSchema, recipients: countSchema }).openapi("ServerNotificationChanged"), "Changed"),
      ...problems("not_found"),
    },
  });
  routes.openapi(change, async (c) => {
    const wanted = { id: c.req.valid("param").id, changes: c.req.valid("json") };
    return c.json(await actions.changeNotification(context, c.get("serverKey"), wanted), 200);
  });

  const settle = createRoute({
    ...route,
    method: "put",
    path: `${path}/{kind}/{key}/done`,
    summary: "Settle a matter: its notifications no longer make a dot for anybody",
    request: { params: ofMatter },
    responses: { 204: noContent("Settled, even if there were none") },
  });
  routes.openapi(settle, async (c) => {
    await actions.settleMatter(context, c.get("serverKey"), c.req.valid("param"));
    return c.body(null, 204);
  });

  const takeBack = createRoute({
    ...route,
    method: "delete",
    path: `${path}/{kind}/{key}`,
    summary: "Take the notifications of a matter back from everybody who has them",
    request: { params: ofMatter },
    responses: { 204: noContent("Taken back, even if there were none") },
  });
  routes.openapi(takeBack, async (c) => {
    await actions.takeMatterBack(context, c.get("serverKey"), c.req.valid("param"));
    return c.body(null, 204);
  });
  return routes;
}
