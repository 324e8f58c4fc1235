import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, LIMITS } from "@parley/protocol";
import { json, jsonBody, keyed, newRoutes, problems, type Routes } from "../http/openapi.ts";
import { getPresence } from "./presence-actions.ts";
import { externalIdOrNull, ref, unknownParam } from "./refs.ts";
import type { ServerContext } from "./server-context.ts";
import { withKey } from "./with-key.ts";

const most = LIMITS.presenceUserIds;
const State = z
  .object({
    uid: idSchema,
    externalId: externalIdOrNull,
    activeStatus: z.union([z.literal(1), z.literal(2)]).openapi({ description: "1 online, 2 offline" }),
    lastOptTime: countSchema.nullable().openapi({
      description: "When they came online or went offline; null if the server has not seen that since it started",
    }),
  })
  .openapi("ServerPresence");

/** The route that tells which people are online. */
export function productPresenceRoutes(context: ServerContext): Routes {
  const routes = newRoutes();
  const presence = createRoute({
    method: "post",
    path: "/server/presence",
    tags: ["server"],
    security: keyed,
    middleware: withKey(context, "presence"),
    summary: "Which of these people are online, and how many people are online in all",
    request: {
      query: z.object({ unknown: unknownParam }),
      body: jsonBody(
        z.strictObject({
          users: z
            .array(ref)
            .max(LIMITS.presenceUserIds)
            .openapi({ example: ["42", 20000] }),
        }),
      ),
    },
    responses: {
      200: json(
        z.object({
          items: z.array(State).max(most),
          onlineNum: countSchema,
          skipped: z.array(ref).max(most).optional(),
        }),
        "States in the order of the request, and the number of people online",
      ),
      ...problems("unknown_user"),
    },
  });
  routes.openapi(presence, async (c) => {
    const skipUnknown = c.req.valid("query").unknown === "skip";
    const asked = { users: c.req.valid("json").users, skipUnknown };
    const { skipped, ...told } = await getPresence(context, c.get("serverKey"), asked);
    return c.json(skipUnknown ? { ...told, skipped } : told, 200);
  });
  return routes;
}
