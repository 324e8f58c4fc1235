import { createRoute, z } from "@hono/zod-openapi";
import { countSchema } from "@parley/protocol";
import { requireAdministrator } from "../http/authenticate.ts";
import { administrators, json, newRoutes } from "../http/openapi.ts";
import type { AdminContext } from "./admin-context.ts";
import { getStats } from "./stats-actions.ts";

const stats = createRoute({
  method: "get",
  path: "/admin/stats",
  tags: ["admin"],
  summary: "The server in numbers, as it is now",
  security: administrators,
  middleware: requireAdministrator,
  responses: {
    200: json(
      z.object({
        version: z.string().max(64),
        uptimeSeconds: countSchema,
        onlineNum: countSchema.meta({ description: "People who are online" }),
        people: countSchema.meta({ description: "Accounts; deleted ones leave this number within a minute" }),
      }),
      "As they are now",
    ),
  },
});

export function statsRoutes(context: AdminContext) {
  const routes = newRoutes();
  routes.openapi(stats, async (c) => c.json(await getStats(context), 200));
  return routes;
}
