import { createRoute, z } from "@hono/zod-openapi";
import { idParamSchema } from "@parley/protocol";
import { optionalLogin, requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, jsonBody, limitParam, maybeSignedIn, newRoutes, problems, signedIn } from "../http/openapi.ts";
import { asOf, cursorParam, pageOf } from "../http/page.ts";
import { Message } from "../rooms/room-view.ts";
import type { MessageKinds } from "./kinds/kinds.ts";
import * as actions from "./message-actions.ts";
import type { MessagesContext } from "./messages-context.ts";

const tags = ["messages"];
const params = z.object({ id: idParam("id") });

/** Where a page begins: a message's id, as text. An empty text counts as none. */
export const afterParam = z
  .string("must be given once")
  .refine(
    (text) => /^$|^(0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text)),
    "must be a whole number from 0",
  )
  .optional()
  .transform((text) => (text === undefined || text === "" ? undefined : Number(text)))
  .openapi({
    param: { name: "after", in: "query" },
    type: "integer",
    format: "int64",
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "A message's id: the page after it; 0: the first page",
  });

const aroundParam = z
  .string("must be given once")
  .refine((text) => text === "" || idParamSchema.safeParse(text).success, "must be a whole number from 1")
  .optional()
  .transform((text) => (text === undefined || text === "" ? undefined : Number(text)))
  .openapi({
    param: { name: "around", in: "query" },
    type: "integer",
    format: "int64",
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "A message's id: the page with this message in its middle; cannot be combined with `after`",
  });

function postMessage({ sendSchema }: MessageKinds) {
  return createRoute({
    method: "post",
    path: "/rooms/{id}/messages",
    tags,
    summary: "Send a message; the same clientId again is answered with the first message",
    security: signedIn,
    middleware: requireLogin,
    request: { params, body: jsonBody(sendSchema) },
    responses: {
      200: json(Message, "It was already sent"),
      201: json(Message, "It is stored and will be pushed"),
      ...problems(
        "forbidden",
        "kind_not_allowed",
        "muted",
        "not_found",
        "client_id_reused",
        "room_dissolved",
        "reply_unknown",
        "unknown_user",
        "person_blocked",
        "not_friends",
        "send_refused",
        "hook_unavailable",
      ),
    },
  });
}

const listMessages = createRoute({
  method: "get",
  path: "/rooms/{id}/messages",
  tags,
  summary: "History: backwards from the newest, forwards after a message, or around one; a page is ascending",
  security: maybeSignedIn,
  middleware: [optionalLogin, heavy] as const,
  request: {
    params,
    query: z.object({
      cursor: cursorParam,
      after: afterParam,
      around: aroundParam,
      limit: limitParam,
    }),
  },
  responses: {
    200: json(pageOf(Message).extend({ asOf }), "A page of messages"),
    ...problems("not_found"),
  },
});

const getMessage = createRoute({
  method: "get",
  path: "/messages/{id}",
  tags,
  summary: "One message",
  security: maybeSignedIn,
  middleware: optionalLogin,
  request: { params },
  responses: { 200: json(Message, "The message as it is now"), ...problems("not_found") },
});

const deleteMessage = createRoute({
  method: "delete",
  path: "/messages/{id}",
  tags,
  summary: "Recall a message: its sender within two minutes, an administrator at any time",
  security: signedIn,
  middleware: requireLogin,
  request: { params },
  responses: {
    200: json(Message, "The message as it is now, without its text"),
    ...problems("forbidden", "not_found", "already_recalled", "room_dissolved", "recall_too_late"),
  },
});

export function messagesRoutes(context: MessagesContext) {
  const routes = newRoutes();

  routes.openapi(postMessage(context.kinds), async (c) => {
    const message = { roomId: c.req.valid("param").id, request: c.req.valid("json") };
    const sent = await actions.sendMessage(context, c.get("login"), message);
    return jsonText(sent.text, sent.created ? 201 : 200);
  });
  routes.openapi(listMessages, async (c) => {
    const page = { roomId: c.req.valid("param").id, ...c.req.valid("query") };
    return jsonText(await actions.listMessages(context, c.get("login"), page), 200);
  });
  routes.openapi(getMessage, async (c) => {
    return jsonText(await actions.getMessage(context, c.get("login"), c.req.valid("param").id), 200);
  });
  routes.openapi(deleteMessage, async (c) => {
    return jsonText(await actions.recallMessage(context, c.get("login"), c.req.valid("param").id), 200);
  });
  return routes;
}

/** A reply that is JSON text already. Typed as anything a route may answer, because the text has no type. */
export function jsonText(text: string, status: 200 | 201): never {
  return new Response(text, { status, headers: { "Content-Type": "application/json" } }) as never;
}
