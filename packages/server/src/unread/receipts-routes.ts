import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, newRoutes, problems, signedIn } from "../http/openapi.ts";
import { pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import * as actions from "./receipt-actions.ts";
import type { UnreadContext } from "./unread-context.ts";

const Receipt = z
  .object({
    uid: idSchema,
    seq: countSchema,
  })
  .openapi("Receipt");

const getReceipts = createRoute({
  method: "get",
  path: "/messages/{id}/receipts",
  tags: ["messages"],
  security: signedIn,
  middleware: [requireLogin, heavy] as const,
  summary: "The people who have read a message of mine, or who have not",
  description:
    "People who are in the room now and were in it when the message was sent, without its sender. Not in the hall.",
  request: {
    params: z.object({ id: idParam("id") }),
    query: pageQuery.extend({
      state: z.enum(["read", "unread"]).openapi({ param: { name: "state", in: "query" } }),
    }),
  },
  responses: {
    200: json(pageOf(Receipt), "A page of people, by uid; `seq`: how far they have read the room"),
    ...problems("forbidden", "not_found"),
  },
});

export function receiptsRoutes(context: UnreadContext) {
  const routes = newRoutes();
  routes.openapi(getReceipts, async (c) => {
    const { state, cursor, limit } = c.req.valid("query");
    const page = { messageId: c.req.valid("param").id, state, after: parseNumberCursor(cursor), limit };
    return c.json(await actions.listReceipts(context, c.get("login"), page), 200);
  });
  return routes;
}
