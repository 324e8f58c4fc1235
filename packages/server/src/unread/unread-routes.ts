import { createRoute, z } from "@hono/zod-openapi";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, jsonBody, newRoutes, problems, signedIn } from "../http/openapi.ts";
import * as actions from "./unread-actions.ts";
import type { UnreadContext } from "./unread-context.ts";

const tags = ["red dots"];
const count = z.number().int();

const RedDot = z
  .object({
    total: count,
    rooms: z.array(z.object({ roomId: z.number().int(), unread: count })),
    friendRequests: count,
    notifications: count,
    asOf: z.string(),
  })
  .openapi("RedDot");

const ReadPlace = z.object({ roomId: z.number().int(), readSeq: z.number().int(), unread: count }).openapi("ReadPlace");

const getUnread = createRoute({
  method: "get",
  path: "/unread",
  tags,
  summary: "Everything unread; rooms with nothing unread are left out",
  security: signedIn,
  middleware: [requireLogin, heavy] as const,
  responses: { 200: json(RedDot, "Red dots") },
});

const putRead = createRoute({
  method: "put",
  path: "/rooms/{id}/read",
  tags,
  summary: "I have read this room up to this seq; a place only moves forward",
  security: signedIn,
  middleware: requireLogin,
  request: {
    params: z.object({ id: idParam("id") }),
    body: jsonBody(z.object({ seq: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER) })),
  },
  responses: { 200: json(ReadPlace, "The place as it is now"), ...problems(403, 404) },
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
