import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idParamSchema, idSchema, LIMITS } from "@parley/protocol";
import { optionalLogin } from "../http/authenticate.ts";
import { idListText, json, maybeSignedIn, newRoutes } from "../http/openapi.ts";
import { getPresence } from "./presence-actions.ts";
import type { RoomsContext } from "./rooms-context.ts";

const State = z
  .object({
    uid: idSchema,
    activeStatus: z.union([z.literal(1), z.literal(2)]).openapi({ description: "1 online, 2 offline" }),
    lastOptTime: countSchema.nullable().openapi({
      description: "When they came online or went offline; null if the server has not seen that since it started",
    }),
  })
  .openapi("PresentState");

const userIds = z
  .string()
  .transform((text) => (text === "" ? [] : text.split(",")))
  .pipe(z.array(idParamSchema).max(LIMITS.presenceUserIds, `at most ${LIMITS.presenceUserIds} ids`))
  .openapi({
    ...idListText,
    pattern: `^$|${idListText.pattern}`,
    description: `At most ${LIMITS.presenceUserIds} ids`,
  });

const presence = createRoute({
  method: "get",
  path: "/presence",
  tags: ["rooms"],
  summary: "Which of these people are online, and how many people are online in all",
  description:
    "People with whom the caller shares no room of at most 500 members are left out. Anonymous readers of a public hall get only the number.",
  security: maybeSignedIn,
  middleware: [optionalLogin] as const,
  request: { query: z.object({ userIds: userIds.optional() }) },
  responses: {
    200: json(
      z.object({ items: z.array(State).max(LIMITS.presenceUserIds), onlineNum: countSchema }),
      "States in the order of the request, and the number of people online",
    ),
  },
});

/** The route for states that no connection brings. */
export function presenceRoutes(context: RoomsContext) {
  const routes = newRoutes();
  routes.openapi(presence, async (c) =>
    c.json(await getPresence(context, c.get("login"), c.req.valid("query").userIds ?? []), 200),
  );
  return routes;
}
