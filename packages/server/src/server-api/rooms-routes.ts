import { createRoute, z } from "@hono/zod-openapi";
import {
  countSchema,
  idSchema,
  LIMITS,
  nameTextSchema,
  pictureSchema,
  shownTextSchema,
  textSchema,
  userSchema,
} from "@parley/protocol";
import { heavy } from "../http/heavy.ts";
import { json, jsonBody, keyed, limitParam, newRoutes, noContent, problems, type Routes } from "../http/openapi.ts";
import { asOf, cursorParam, pageOf } from "../http/page.ts";
import { afterParam, jsonText } from "../messages/messages-routes.ts";
import { Message } from "../rooms/room-view.ts";
import type { RoomChanges } from "../rooms/room-writes.ts";
import { externalIdOrNull, ref, refParam, unknownParam } from "./refs.ts";
import * as actions from "./room-actions.ts";
import type { ServerContext } from "./server-context.ts";
import { withKey } from "./with-key.ts";

const Room = z
  .object({
    id: idSchema,
    externalId: externalIdOrNull,
    type: z.union([z.literal(1), z.literal(2)]).openapi({ description: "1 group or hall, 2 direct" }),
    name: shownTextSchema(0, LIMITS.roomNameCodePoints).openapi({ description: "Of a direct room: empty" }),
    avatar: userSchema.shape.avatar,
    notice: shownTextSchema(0, LIMITS.noticeCodePoints),
    history: z.enum(["all", "joined"]),
    muteAll: z.boolean(),
    ownerId: idSchema.nullable().openapi({ description: "Null for a managed room" }),
    memberCount: countSchema,
    seq: countSchema.nonnegative().openapi({ description: "Newest event of the room's stream" }),
    createdAt: countSchema,
    dissolvedAt: countSchema.nullable(),
  })
  .openapi("ServerRoom", { description: "A room as the product's backend sees it" });

const fields = {
  name: nameTextSchema(LIMITS.roomNameCodePoints).optional(),
  avatar: pictureSchema.optional(),
  notice: textSchema(0, LIMITS.noticeCodePoints, true).optional(),
  history: z
    .enum(["all", "joined"])
    .optional()
    .openapi({ description: "What newcomers may read: everything [all], or only what is said after they join" }),
};
const params = z.object({ room: refParam("room", "order-7") });
const people = z.array(ref).max(LIMITS.memberIdsPerRequest);

/** Rooms of the product, and everybody's. */
export function productRoomsRoutes(context: ServerContext): Routes {
  const route = { tags: ["server"], security: keyed, middleware: withKey(context, "rooms") };
  const path = "/server/rooms/{room}";
  const routes = newRoutes();

  const putRoom = createRoute({
    ...route,
    method: "put",
    path,
    summary: "Make a managed room, or change a room",
    description:
      "A room with an external id is managed by the product: it has no owner, and its members may leave it, but not add or remove " +
      "others or change it (`room_managed`). A path with `~` and an id of Parley's changes any room and makes none.",
    request: { params, body: jsonBody(z.strictObject(fields)) },
    responses: {
      200: json(Room, "The room as it is now"),
      201: json(Room, "It was made"),
      ...problems("not_found", "room_dissolved", "direct_fixed"),
    },
  });
  routes.openapi(putRoom, async (c) => {
    const put = { ref: c.req.valid("param").room, changes: c.req.valid("json") as RoomChanges };
    const { room, created } = await actions.putRoom(context, c.get("serverKey"), put);
    return c.json(room, created ? 201 : 200);
  });

  const getRoom = createRoute({
    ...route,
    method: "get",
    path,
    summary: "A room",
    request: { params },
    responses: { 200: json(Room, "The room"), ...problems("not_found") },
  });
  routes.openapi(getRoom, async (c) =>
    c.json(await actions.getRoom(context, c.get("serverKey"), c.req.valid("param").room), 200),
  );

  const deleteRoom = createRoute({
    ...route,
    method: "delete",
    path,
    summary: "Dissolve a room",
    description: "Its external id is free: a PUT makes a new room.",
    request: { params },
    responses: {
      204: noContent("Dissolved, even if there was no room"),
      ...problems("hall_fixed", "direct_fixed"),
    },
  });
  routes.openapi(deleteRoom, async (c) => {
    await actions.deleteRoom(context, c.get("serverKey"), c.req.valid("param").room);
    return c.body(null, 204);
  });

  const listMessages = createRoute({
    ...route,
    middleware: [route.middleware, heavy] as const,
    method: "get",
    path: `${path}/messages`,
    summary: "A room's history: backwards from the newest, or forwards after a message; a page is ascending",
    request: { params, query: z.object({ cursor: cursorParam, after: afterParam, limit: limitParam }) },
    responses: { 200: json(pageOf(Message).extend({ asOf }), "A page of messages"), ...problems("not_found") },
  });
  routes.openapi(listMessages, async (c) => {
    const { cursor, after, limit } = c.req.valid("query");
    const query = { ref: c.req.valid("param").room, cursor, after, limit };
    return jsonText(await actions.listMessages(context, c.get("serverKey"), query), 200);
  });

  const changeMembers = createRoute({
    ...route,
    method: "post",
    path: `${path}/members`,
    summary: "Bring people into a group and take others out",
    description:
      "Nothing is done if somebody is unknown (`unknown_user`, with the place of each in `errors`), unless the request says `unknown=skip`.",
    request: {
      params,
      query: z.object({ unknown: unknownParam }),
      body: jsonBody(
        z.strictObject({
          add: people.default([]).openapi({ example: ["42"] }),
          remove: people.default([]).openapi({ example: ["43", 20000] }),
        }),
      ),
    },
    responses: {
      200: json(
        z
          .object({
            added: people.openapi({ description: "Those who joined, as the request names them" }),
            removed: people,
            memberCount: countSchema,
            skipped: z
              .array(ref)
              .max(2 * LIMITS.memberIdsPerRequest)
              .optional()
              .openapi({ description: "With `unknown=skip`: those who are not known" }),
          })
          .openapi("ServerMembersChanged"),
        "Those who joined and those who left; the others were already in the room, or not in it",
      ),
      ...problems(
        "not_found",
        "unknown_user",
        "hall_fixed",
        "direct_fixed",
        "room_dissolved",
        "room_full",
        "too_many_rooms",
        "owner_cannot_leave",
      ),
    },
  });
  routes.openapi(changeMembers, async (c) => {
    const skipUnknown = c.req.valid("query").unknown === "skip";
    const change = { ref: c.req.valid("param").room, ...c.req.valid("json"), skipUnknown };
    const { skipped, ...done } = await actions.changeMembers(context, c.get("serverKey"), change);
    return c.json(skipUnknown ? { ...done, skipped } : done, 200);
  });
  return routes;
}
