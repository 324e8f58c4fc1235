import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema } from "@parley/protocol";
import { ACTS } from "../audit/audit-writes.ts";
import { requireAdministrator } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { administrators, json, newRoutes } from "../http/openapi.ts";
import { pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import type { AdminContext } from "./admin-context.ts";
import { listActs } from "./audit-actions.ts";

const facts = z.record(z.string(), z.unknown()).nullable();

const Act = z
  .object({
    id: idSchema,
    at: countSchema,
    uid: idSchema.nullable().meta({ description: "Null: an operator, on the command line" }),
    name: z.string().max(64).nullable(),
    ip: z.string().max(64).meta({ description: "The address; empty for an operator" }),
    act: z.enum(ACTS),
    target: z.string().max(128).meta({ description: "A uid, a range of addresses, a connection, the name of a key" }),
    before: facts.meta({ description: "The values before; null if there were none or they say nothing" }),
    after: facts,
  })
  .openapi("Act");

const getAudit = createRoute({
  method: "get",
  path: "/admin/audit",
  tags: ["admin"],
  summary: "What administrators and operators did, newest first",
  security: administrators,
  middleware: [requireAdministrator, heavy] as const,
  request: { query: pageQuery },
  responses: { 200: json(pageOf(Act), "A page of acts") },
});

export function auditRoutes(context: AdminContext) {
  const routes = newRoutes();
  routes.openapi(getAudit, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    return c.json(await listActs(context, { before: parseNumberCursor(cursor), limit }), 200);
  });
  return routes;
}
