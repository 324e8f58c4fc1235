import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavyTogether } from "../http/heavy.ts";
import { idParam, json, jsonBody, newRoutes, problems, signedIn } from "../http/openapi.ts";
import { asOf } from "../http/page.ts";
import { CAPS } from "../limits/caps.ts";
import * as actions from "./unread-actions.ts";
import type { UnreadContext } from "./unread-context.ts";

const tags = ["red dots"];

const RedDot = z
  .object({
    total: countSchema,
    rooms: z.array(z.object({ roomId: idSchema, unread: countSchema })).max(CAPS.roomsPerPerson.count + 1),
    friendRequests: countSchema,
    notifications: countSchema,
    asOf,
  })
  .openapi("RedDot");

const ReadPlace = z.object({ roomId: idSchema, readSeq: countSchema, unread: countSchema }).openapi("ReadPlace");

const getUnread = createRoute({
  method: "get",
  path: "/unread",
  tags,
  summary: "Everything unread; rooms with nothing unread are left out",
  security: signedIn,
  middleware: [requireLogin, heavyTogether] as const,
  responses: { 200: json(RedDot, "Red dots") },
});

const putRead = createRoute({
  method: "put",
  path: "/rooms/{id}/read",
  tags,
  summary: "Mark this room as read up to this seq; the place only moves forward",
  security: signedIn,
  middleware: requireLogin,
  request: {
    params: z.object({ id: idParam("id") }),
    body: jsonBody(z.object({ seq: countSchema })),
  },
  responses: { 200: json(ReadPlace, "The place as it is now"), ...problems("forbidden", "not_found") },
});

export function unreadRoutes(context: UnreadContext) {
  const routes = newRoutes();
  routes.openapi(getUnread, async (c) => {
    return c.json(await actions.getUnread(context, c.get("login")), 200);
  });
  routes.openapi(putRead, async (c) => {
    const read = { roomId: c.req.valid("param").id, seq: c.req.valid("json").seq };
    return c.json(await actions.markRead(context, c.get("login"), read), 200);
  });
  return routes;
}
