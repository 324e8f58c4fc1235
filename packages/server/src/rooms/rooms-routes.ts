import { createRoute, z } from "@hono/zod-openapi";
import { idSchema, LIMITS, nameTextSchema, pictureSchema, textSchema } from "@parley/protocol";
import { optionalLogin, requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, jsonBody, maybeSignedIn, newRoutes, noContent, problems, signedIn } from "../http/openapi.ts";
import { asOf, pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import * as actions from "./room-actions.ts";
import { Conversation, Room } from "./room-view.ts";
import type { RoomChanges } from "./room-writes.ts";
import type { RoomsContext } from "./rooms-context.ts";

const tags = ["rooms"];
const mine = { tags, security: signedIn, middleware: requireLogin };
const heavyMine: [typeof requireLogin, typeof heavy] = [requireLogin, heavy];
const params = z.object({ id: idParam("id") });
const RoomReply = Room.extend({ asOf }).openapi("RoomReply");
const roomName = nameTextSchema(LIMITS.roomNameCodePoints);

const history = z
  .enum(["all", "joined"])
  .openapi({ description: "What newcomers may read: everything, or only what is said after they join" });

const listRooms = createRoute({
  method: "get",
  path: "/rooms",
  ...mine,
  middleware: heavyMine,
  summary: "My rooms, newest activity first",
  request: { query: pageQuery },
  responses: {
    200: json(pageOf(Conversation).extend({ asOf }), "A page of rooms with their last message and unread count"),
  },
});

const postRoom = createRoute({
  method: "post",
  path: "/rooms",
  ...mine,
  middleware: heavyMine,
  summary: "Make a group; without members it is a group of one",
  request: {
    body: jsonBody(
      z.object({
        name: roomName.nullish(),
        memberIds: z.array(idSchema).max(LIMITS.memberIdsPerRequest).default([]),
        history: history.default("all"),
      }),
    ),
  },
  responses: {
    201: json(RoomReply, "The group"),
    ...problems("room_full", "unknown_user", "too_many_rooms", "not_friends"),
  },
});

const postDirect = createRoute({
  method: "post",
  path: "/rooms/direct",
  ...mine,
  summary: "Open the direct room with somebody; there is one for each pair of people",
  request: { body: jsonBody(z.object({ userId: idSchema })) },
  responses: {
    200: json(RoomReply, "It already existed"),
    201: json(RoomReply, "It was made"),
    ...problems("own_account", "unknown_user", "too_many_rooms", "not_friends"),
  },
});

const getRoom = createRoute({
  method: "get",
  path: "/rooms/{id}",
  tags,
  summary: "A room; if the hall is not public, anonymous readers see only its name",
  security: maybeSignedIn,
  middleware: [optionalLogin] as const,
  request: { params },
  responses: { 200: json(RoomReply, "The room"), ...problems("not_found") },
});

const patchRoom = createRoute({
  method: "patch",
  path: "/rooms/{id}",
  ...mine,
  summary: "Change a room: the owner and admins may",
  request: {
    params,
    body: jsonBody(
      z.object({
        name: roomName.optional(),
        avatar: pictureSchema.optional(),
        notice: textSchema(0, LIMITS.noticeCodePoints, true).optional(),
        muteAll: z.boolean().optional(),
        history: history.optional(),
      }),
    ),
  },
  responses: {
    200: json(RoomReply, "The room as it is now"),
    ...problems("forbidden", "not_found", "room_dissolved", "room_managed"),
  },
});

const deleteRoom = createRoute({
  method: "delete",
  path: "/rooms/{id}",
  ...mine,
  summary: "Dissolve a group: only its owner may",
  request: { params },
  responses: {
    204: noContent("Dissolved"),
    ...problems("forbidden", "not_found", "room_dissolved", "hall_fixed", "direct_fixed", "room_managed"),
  },
});

export function roomsRoutes(context: RoomsContext) {
  const routes = newRoutes();

  routes.openapi(listRooms, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const page = { before: parseNumberCursor(cursor), limit };
    return c.json(await actions.listRooms(context, c.get("login"), page), 200);
  });
  routes.openapi(postRoom, async (c) => {
    const { name, ...rest } = c.req.valid("json");
    return c.json(await actions.createRoom(context, c.get("login"), { name: name ?? null, ...rest }), 201);
  });
  routes.openapi(postDirect, async (c) => {
    const { room, created } = await actions.openDirect(context, c.get("login"), c.req.valid("json").userId);
    return c.json(room, created ? 201 : 200);
  });
  routes.openapi(getRoom, async (c) => {
    return c.json(await actions.getRoom(context, c.get("login"), c.req.valid("param").id), 200);
  });
  routes.openapi(patchRoom, async (c) => {
    const change = { roomId: c.req.valid("param").id, changes: c.req.valid("json") as RoomChanges };
    return c.json(await actions.changeRoom(context, c.get("login"), change), 200);
  });
  routes.openapi(deleteRoom, async (c) => {
    await actions.dissolveRoom(context, c.get("login"), c.req.valid("param").id);
    return c.body(null, 204);
  });
  return routes;
}
