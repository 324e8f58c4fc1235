import { createRoute, z } from "@hono/zod-openapi";
import { LIMITS, SERVER_LIMITS, sendBaseSchema } from "@parley/protocol";
import { problemDocument } from "../http/errors.ts";
import { json, keyed, newRoutes, problems, type Routes } from "../http/openapi.ts";
import { ProblemError } from "../lib/problem.ts";
import { jsonText } from "../messages/messages-routes.ts";
import type { Sent } from "../messages/send.ts";
import { Message } from "../rooms/room-view.ts";
import { itemsOf } from "./items.ts";
import * as actions from "./message-actions.ts";
import { eitherBody } from "./one-or-many.ts";
import { ref } from "./refs.ts";
import type { ServerContext } from "./server-context.ts";
import { withKey } from "./with-key.ts";

const fields = {
  room: ref.optional().openapi({ example: "order-7" }),
  direct: z
    .array(ref)
    .min(2)
    .max(2)
    .optional()
    .openapi({ description: "The room of these two people, which is made if there is none", example: ["42", "43"] }),
  from: ref.optional().openapi({ description: "The sender; the system if absent", example: "42" }),
  clientId: sendBaseSchema.shape.clientId.clone(),
  replyTo: sendBaseSchema.shape.replyTo.clone(),
  mentions: z
    .union([z.array(ref).max(LIMITS.mentions), z.literal("all")], 'must be a list of people, or "all"')
    .nullish()
    .openapi({ description: "People in the room, or everybody in it: `all`" }),
};

/** Messages that the product sends, one or a list. */
export function productMessagesRoutes(context: ServerContext): Routes {
  const routes = newRoutes();
  const one = context.kinds
    .strictSchema(fields)
    .refine(({ room, direct }) => (room === undefined) !== (direct === undefined), "give either room or direct");
  const many = z.strictObject({ items: z.array(one).min(1).max(SERVER_LIMITS.items) });
  const send = createRoute({
    method: "post",
    path: "/server/messages",
    tags: ["server"],
    security: keyed,
    middleware: withKey(context, "messages"),
    summary: "Send a message, or up to 100 at once; the same clientId again is answered with the first message",
    description:
      "`clientId` is unique for the key. Without `from` a message comes from the system, which need not be in the room. Each result of a list " +
      "is the status and the body that a single request would have been answered with.",
    request: {
      body: eitherBody({ one, many }, routes.openAPIRegistry, { one: "ServerMessage", many: "ServerMessages" }),
    },
    responses: {
      200: json(z.union([Message, itemsOf(Message)]), "It was already sent; or the results of a list, in order"),
      201: json(Message, "It is stored and will be pushed"),
      ...problems(
        "forbidden",
        "muted",
        "client_id_reused",
        "unknown_user",
        "unknown_room",
        "not_member",
        "reply_unknown",
        "room_dissolved",
        "own_account",
        "too_many_rooms",
      ),
    },
  });
  routes.openapi(send, async (c) => {
    const key = c.get("serverKey");
    const body = c.req.valid("json");
    if (!("items" in body)) {
      const { text, created } = await actions.sendMessage(context, key, body);
      return jsonText(text, created ? 201 : 200);
    }
    const results = await actions.sendMessages(context, key, body.items);
    return jsonText(`{"items":[${results.map(itemText).join(",")}]}`, 200);
  });
  return routes;
}

/** The message is JSON text already. */
function itemText(result: Sent | ProblemError): string {
  if (result instanceof ProblemError) return JSON.stringify({ status: result.status, body: problemDocument(result) });
  return `{"status":${result.created ? 201 : 200},"body":${result.text}}`;
}
