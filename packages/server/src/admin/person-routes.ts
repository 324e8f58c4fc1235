import { createRoute, z } from "@hono/zod-openapi";
import { ActiveStatus, countSchema, idSchema, textSchema } from "@parley/protocol";
import { requireAdministrator } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { administrators, idParam, json, newRoutes, problems } from "../http/openapi.ts";
import { adminOf } from "../identity/administrator.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import { Connection } from "./connections-routes.ts";
import { missingNodes } from "./node-schemas.ts";
import { lookAtPerson } from "./person-actions.ts";

const Event = z.object({
  stream: z.string().max(64),
  pos: idSchema,
  seq: idSchema,
  type: z.int().min(1).max(999),
  at: countSchema,
  messageId: idSchema.nullable(),
  data: z.unknown().openapi({ description: "Null if the event shows a message, or is long" }),
});

const LivePerson = z
  .object({
    uid: idSchema,
    name: z.string().max(64),
    power: z.union([z.literal(0), z.literal(1)]),
    disabled: z.boolean(),
    ban: z.object({ until: countSchema.nullable(), reason: textSchema(0, SIZES.banReason.count) }).nullable(),
    activeStatus: z.union([z.literal(ActiveStatus.online), z.literal(ActiveStatus.offline)]),
    lastOptTime: countSchema.nullable(),
    rooms: countSchema.meta({ description: "Rooms that they are in, without the hall" }),
    unread: countSchema,
    connections: z.array(Connection).max(SIZES.shownConnections.count),
    missingNodes,
    events: z
      .array(Event)
      .max(SIZES.shownEvents.count)
      .openapi({ description: "Events of their own stream, newest first, without the texts of messages" }),
  })
  .openapi("LivePerson");

const getLive = createRoute({
  method: "get",
  path: "/admin/users/{uid}/live",
  tags: ["admin"],
  summary: "What one person has live, with the last 100 events of their own stream; each look is recorded",
  security: administrators,
  middleware: [requireAdministrator, heavy] as const,
  request: { params: z.object({ uid: idParam("uid") }) },
  responses: { 200: json(LivePerson, "As it is now"), ...problems("not_found") },
});

export function personRoutes(context: AdminContext) {
  const routes = newRoutes();
  routes.openapi(getLive, async (c) => c.json(await lookAtPerson(context, adminOf(c), c.req.valid("param").uid), 200));
  return routes;
}
