import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, LIMITS, notificationSchema } from "@parley/protocol";
import type { BaseContext } from "../db/base-context.ts";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { json, jsonBody, newRoutes, type Routes, signedIn } from "../http/openapi.ts";
import { asOf, pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import * as actions from "./notification-actions.ts";

const route = { tags: ["notifications"], security: signedIn, middleware: requireLogin };

export const Notification = z.object(notificationSchema.shape).openapi("Notification", {
  description:
    "`seen`: it makes no dot; `read`: it was opened; `archived`: it left the list; `done`: the product has settled it",
});

const counts = {
  unseen: countSchema.clone().openapi({ description: "How many make a dot: not seen, read, archived or done" }),
  unread: countSchema.clone().openapi({ description: "How many are not read, archived or done" }),
};
const Counts = z.object(counts).openapi("NotificationCounts");

const ids = z.array(idSchema).min(1).max(LIMITS.notificationIds);
const upTo = idSchema.clone().openapi({ description: "All with this id or a smaller one" });

const list = createRoute({
  ...route,
  method: "get",
  path: "/notifications",
  middleware: [requireLogin, heavy] as const,
  summary: "My notifications, newest first",
  description: "Those that have expired or were taken back are left out. A page of long ones ends early.",
  request: {
    query: pageQuery.extend({
      state: z
        .enum(["unread", "all", "archived"])
        .default("all")
        .openapi({ param: { name: "state", in: "query" }, description: "`all`: all that are not archived" }),
    }),
  },
  responses: {
    200: json(
      pageOf(Notification).extend({
        ...counts,
        upTo: countSchema.clone().openapi({ description: "Later notifications have larger ids" }),
        asOf,
      }),
      "A page of notifications, and the counters of the same moment",
    ),
  },
});

const see = createRoute({
  ...route,
  method: "put",
  path: "/notifications/seen",
  summary: "Mark notifications as seen: they no longer make a dot",
  request: { body: jsonBody(z.object({ upTo })) },
  responses: { 200: json(Counts, "The counters as they are now") },
});

const read = createRoute({
  ...route,
  method: "put",
  path: "/notifications/read",
  summary: "Mark notifications as read: all up to an id, or some by their ids",
  description: "Ids that are not in my list are ignored.",
  request: {
    body: jsonBody(z.object({ upTo: upTo.optional(), ids: ids.optional() })),
  },
  responses: { 200: json(Counts, "The counters as they are now") },
});

const archive = createRoute({
  ...route,
  method: "put",
  path: "/notifications/archive",
  summary: "Archive notifications: they leave my list",
  description: "Ids that are not in it are ignored.",
  request: { body: jsonBody(z.object({ ids })) },
  responses: { 200: json(Counts, "The counters as they are now") },
});

export function notificationsRoutes(context: BaseContext): Routes {
  const routes = newRoutes();
  routes.openapi(list, async (c) => {
    const { state, cursor, limit } = c.req.valid("query");
    const query = { state, before: parseNumberCursor(cursor), limit };
    const page = await actions.listNotifications(context, c.get("login"), query);
    return c.json({ ...page, items: [...page.items] }, 200);
  });
  routes.openapi(see, async (c) =>
    c.json(await actions.seeNotifications(context, c.get("login"), c.req.valid("json").upTo), 200),
  );
  routes.openapi(read, async (c) => {
    return c.json(await actions.readNotifications(context, c.get("login"), c.req.valid("json")), 200);
  });
  routes.openapi(archive, async (c) =>
    c.json(await actions.archiveNotifications(context, c.get("login"), c.req.valid("json").ids), 200),
  );
  return routes;
}
