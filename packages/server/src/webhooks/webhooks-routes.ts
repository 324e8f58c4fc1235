import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema } from "@parley/protocol";
import { requireAdministrator } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import {
  administrators,
  idParam,
  json,
  jsonBody,
  newRoutes,
  noContent,
  problems,
  type Routes,
} from "../http/openapi.ts";
import { pageOf, pageQuery } from "../http/page.ts";
import { adminOf } from "../identity/administrator.ts";
import { CAPS } from "../limits/caps.ts";
import * as actions from "./webhook-actions.ts";
import { WEBHOOK_EVENTS, webhookEventsSchema, webhookUrlSchema } from "./webhook-form.ts";

const events = webhookEventsSchema.meta({ description: "Null: all of them, even those that later versions add" });
const url = webhookUrlSchema.meta({ format: "uri", example: "https://shop.example/parley" });

const Webhook = z
  .object({
    id: idSchema,
    url,
    events,
    createdAt: countSchema,
    failingSince: countSchema.nullable().openapi({ description: "Since when nothing could be delivered there" }),
    lag: countSchema.meta({ description: "Events in the log after its place, whether they will be delivered or not" }),
    behind: countSchema.meta({
      description: "Rooms and people whose events are delivered separately because they are behind",
    }),
    deadLetters: countSchema,
  })
  .openapi("Webhook");

const DeadLetter = z
  .object({
    pos: idSchema,
    event: z.enum([...WEBHOOK_EVENTS, "unknown"]),
    stream: z.string().min(1).max(32),
    seq: idSchema,
    at: countSchema.meta({ description: "When it happened" }),
    diedAt: countSchema.meta({ description: "When it was given up" }),
    attempts: countSchema,
    reason: z.string().max(200).openapi({ description: "Why the last try failed" }),
  })
  .openapi("DeadLetter");

const base = {
  tags: ["admin"],
  security: administrators,
  middleware: requireAdministrator,
};
const params = z.object({ id: idParam("id") });

const listWebhooks = createRoute({
  ...base,
  middleware: [requireAdministrator, heavy] as const,
  method: "get",
  path: "/admin/webhooks",
  summary: "The webhooks, and how far each has got",
  responses: {
    200: json(
      z.object({ items: z.array(Webhook).max(CAPS.webhooks.count), nextCursor: z.null() }),
      "All of them; secrets are not shown again",
    ),
  },
});

const addWebhook = createRoute({
  ...base,
  method: "post",
  path: "/admin/webhooks",
  summary: "Register an address that is told what happens from now on",
  request: { body: jsonBody(z.object({ url, events: events.default(null) })) },
  responses: {
    201: json(
      Webhook.extend({
        secret: z
          .string()
          .regex(/^whsec_[A-Za-z0-9+/]{43}=$/)
          .openapi({ description: "Signs what is sent there; shown only here" }),
      }),
      "It is told",
    ),
    ...problems("too_many_webhooks"),
  },
});

const changeWebhook = createRoute({
  ...base,
  method: "patch",
  path: "/admin/webhooks/{id}",
  summary: "Change a webhook's address or its events",
  request: { params, body: jsonBody(z.object({ url: url.optional(), events: events.optional() })) },
  responses: { 200: json(Webhook, "As it is now, for all that has not been delivered"), ...problems("not_found") },
});

const removeWebhook = createRoute({
  ...base,
  method: "delete",
  path: "/admin/webhooks/{id}",
  summary: "Remove a webhook and everything that waits to be delivered there",
  request: { params },
  responses: { 204: noContent("Gone"), ...problems("not_found") },
});

const listDeadLetters = createRoute({
  ...base,
  middleware: [requireAdministrator, heavy] as const,
  method: "get",
  path: "/admin/webhooks/{id}/dead-letters",
  summary: "The events that could not be delivered for a day, oldest first",
  request: { params, query: pageQuery },
  responses: { 200: json(pageOf(DeadLetter), "A page of them"), ...problems("not_found") },
});

const retryDeadLetter = createRoute({
  ...base,
  method: "post",
  path: "/admin/webhooks/{id}/dead-letters/{pos}/retry",
  summary: "Deliver one of these events now, as it is now",
  request: { params: z.object({ id: idParam("id"), pos: idParam("pos") }) },
  responses: {
    200: json(
      z.object({ delivered: z.boolean(), reason: z.string().max(200).nullable() }),
      "Whether it was delivered; if so, it is no longer a dead letter",
    ),
    ...problems("not_found"),
  },
});

/** Webhooks, for administrators. */
export function webhooksRoutes(context: actions.WebhooksContext): Routes {
  const routes = newRoutes();
  routes.openapi(listWebhooks, async (c) =>
    c.json({ items: await actions.listWebhooks(context, adminOf(c)), nextCursor: null }, 200),
  );
  routes.openapi(addWebhook, async (c) =>
    c.json(await actions.addWebhook(context, adminOf(c), c.req.valid("json")), 201),
  );
  routes.openapi(changeWebhook, async (c) => {
    const change = { ...c.req.valid("param"), ...c.req.valid("json") };
    return c.json(await actions.changeWebhook(context, adminOf(c), change), 200);
  });
  routes.openapi(removeWebhook, async (c) => {
    await actions.removeWebhook(context, adminOf(c), c.req.valid("param").id);
    return c.body(null, 204);
  });
  routes.openapi(listDeadLetters, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const page = await actions.listDeadLetters(context, adminOf(c), { ...c.req.valid("param"), cursor, limit });
    return c.json(page as never, 200);
  });
  routes.openapi(retryDeadLetter, async (c) => {
    const { reason } = await actions.retryDeadLetter(context, adminOf(c), c.req.valid("param"));
    return c.json({ delivered: reason === null, reason }, 200);
  });
  return routes;
}
