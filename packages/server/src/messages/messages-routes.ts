import { createRoute, z } from "@hono/zod-openapi";
import { messageSchema, sendSchema } from "@parley/protocol";
import type { ReadDatabase } from "../db/open.ts";
import { readSnapshot } from "../event-log/snapshot.ts";
import { optionalLogin, requireLogin } from "../http/authenticate.ts";
import { idParam, json, jsonBody, limitParam, maybeSignedIn, newRoutes, problems, signedIn } from "../http/openapi.ts";
import { cursorParam } from "../http/page.ts";
import { readableWindow } from "../rooms/reading.ts";
import { historyPage } from "./history.ts";
import { messageFor, type Sending, sendMessage } from "./messages.ts";
import { recallMessage } from "./recall.ts";

const tags = ["messages"];
const params = z.object({ id: idParam("id") });
const Message = z.object(messageSchema.shape).openapi("Message");

/** Of another page: a message's id, as text. An empty one counts as none. */
const afterParam = z
  .string("must be given once")
  .regex(/^$|^(0|[1-9]\d{0,15})$/, "must be a whole number from 0")
  .optional()
  .transform((text) => (text === undefined || text === "" ? undefined : Number(text)))
  .openapi({
    param: { name: "after", in: "query" },
    type: "integer",
    minimum: 0,
    description: "A message's id: the page after it; 0 starts at the beginning",
  });

const postMessage = createRoute({
  method: "post",
  path: "/rooms/{id}/messages",
  tags,
  summary: "Send a message; the same clientId again answers with the first one",
  security: signedIn,
  middleware: requireLogin,
  request: { params, body: jsonBody(sendSchema) },
  responses: {
    200: json(Message, "It was sent before"),
    201: json(Message, "It is stored and will be pushed"),
    ...problems(403, 404, 409, 422),
  },
});

const listMessages = createRoute({
  method: "get",
  path: "/rooms/{id}/messages",
  tags,
  summary: "History: backwards from the newest, or forwards after a message; a page is ascending",
  security: maybeSignedIn,
  middleware: optionalLogin,
  request: {
    params,
    query: z.object({
      cursor: cursorParam,
      after: afterParam,
      limit: limitParam,
    }),
  },
  responses: {
    200: json(
      z.object({ items: z.array(Message), nextCursor: z.string().nullable(), asOf: z.string() }),
      "A page of messages",
    ),
    ...problems(404),
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
  responses: { 200: json(Message, "The message as it is now"), ...problems(404) },
});

const deleteMessage = createRoute({
  method: "delete",
  path: "/messages/{id}",
  tags,
  summary: "Recall a message: its sender within two minutes, an administrator at any time",
  security: signedIn,
  middleware: requireLogin,
  request: { params },
  responses: { 200: json(Message, "The message as it is now, without its text"), ...problems(403, 404, 422) },
});

export interface MessagesParts extends Sending {
  readonly db: ReadDatabase;
  readonly epoch: string;
}

export function messagesRoutes(parts: MessagesParts) {
  const { db, epoch, writes, clock, hall } = parts;
  const routes = newRoutes();

  routes.openapi(postMessage, async (c) => {
    const roomId = c.req.valid("param").id;
    const sent = await sendMessage(parts, c.get("login"), { roomId, request: c.req.valid("json") });
    return jsonText(sent.text, sent.created ? 201 : 200);
  });
  routes.openapi(listMessages, async (c) => {
    const roomId = c.req.valid("param").id;
    const { cursor, after, limit } = c.req.valid("query");
    const text = await readSnapshot({ db, epoch }, async ({ db: snapshot, asOf }) => {
      const window = await readableWindow(snapshot, roomId, { actor: c.get("login"), hall });
      const page = await historyPage(snapshot, { id: roomId, window }, { cursor, after, limit });
      const rest = JSON.stringify({ nextCursor: page.nextCursor, asOf });
      return `{"items":[${page.texts.join(",")}],${rest.slice(1)}`;
    });
    return jsonText(text, 200);
  });
  routes.openapi(getMessage, async (c) =>
    jsonText(await messageFor(db, c.req.valid("param").id, { actor: c.get("login"), hall }), 200),
  );
  routes.openapi(deleteMessage, async (c) => {
    const input = { actor: c.get("login"), hall, messageId: c.req.valid("param").id, now: clock.now() };
    return jsonText((await writes.run(recallMessage, input)).text, 200);
  });
  return routes;
}

/** A reply that is JSON text already. Typed as anything a route may answer, since the text has no type of its own. */
function jsonText(text: string, status: 200 | 201): never {
  return new Response(text, { status, headers: { "Content-Type": "application/json" } }) as never;
}
