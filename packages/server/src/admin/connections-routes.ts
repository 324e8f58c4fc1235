import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, textSchema } from "@parley/protocol";
import { requireAdministrator } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { administrators, idParam, json, jsonBody, newRoutes, noContent, problems } from "../http/openapi.ts";
import { pageOf, pageQuery } from "../http/page.ts";
import { adminOf } from "../identity/administrator.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import * as actions from "./connection-actions.ts";
import { TRANSPORT_NAMES } from "./live-connections.ts";
import { missingNodes, nodeId } from "./node-schemas.ts";

const common = { tags: ["admin"], security: administrators };

export const Connection = z
  .object({
    id: z.string().min(1).max(64),
    node: nodeId,
    transport: z.enum(TRANSPORT_NAMES).openapi({ description: "`poll`: a waiting one" }),
    uid: idSchema.nullable().meta({ description: "Null: anonymous" }),
    ip: z.string().max(64).meta({ description: "The client's address" }),
    userAgent: z.string().max(256),
    state: z.string().max(32),
    rooms: countSchema.meta({ description: "Rooms that its person is in, without the hall" }),
    queuedBytes: countSchema.meta({ description: "Bytes that it has not taken yet" }),
    lastFrameAt: countSchema.meta({ description: "When its client last sent something" }),
    since: countSchema,
  })
  .openapi("Connection");

const getConnections = createRoute({
  ...common,
  method: "get",
  path: "/admin/connections",
  middleware: [requireAdministrator, heavy] as const,
  summary: "Live connections, event streams and waiting polls of all nodes, by transport and then oldest first",
  request: {
    query: pageQuery.extend({
      uid: idParam("uid")
        .optional()
        .openapi({ param: { name: "uid", in: "query" } }),
      ip: z.string().max(64).optional().openapi({ description: "One address, as replies show it" }),
      transport: z.enum(TRANSPORT_NAMES).optional(),
    }),
  },
  responses: { 200: json(pageOf(Connection).extend({ missingNodes }), "A page of connections") },
});

const reason = textSchema(0, SIZES.closeReason.count).refine(
  (text) => Buffer.byteLength(text) <= SIZES.closeReason.count,
  `must have at most ${SIZES.closeReason.count} bytes`,
);

const deleteConnection = createRoute({
  ...common,
  method: "delete",
  path: "/admin/connections/{id}",
  middleware: [requireAdministrator] as const,
  summary: "Close a connection with 1000 and the reason, or answer a waiting poll; its client may return",
  request: {
    params: z.object({ id: z.string().min(1).max(64) }),
    body: jsonBody(z.object({ reason: reason.default("") })),
  },
  responses: { 204: noContent("Closed"), ...problems("not_found", "overloaded") },
});

export function connectionsRoutes(context: AdminContext) {
  const routes = newRoutes();
  routes.openapi(getConnections, async (c) => {
    const { uid, ip, transport, cursor, limit } = c.req.valid("query");
    return c.json(await actions.listConnections(context, { uid, ip, transport, cursor, limit }), 200);
  });
  routes.openapi(deleteConnection, async (c) => {
    const { id } = c.req.valid("param");
    await actions.closeConnection(context, adminOf(c), { id, ...c.req.valid("json") });
    return c.body(null, 204);
  });
  return routes;
}
