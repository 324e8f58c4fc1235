import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, LIMITS } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, jsonBody, newRoutes, noContent, problems, signedIn } from "../http/openapi.ts";
import { asOf, pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import * as actions from "./member-actions.ts";
import { Member, roleSchema } from "./members.ts";
import type { RoomsContext } from "./rooms-context.ts";

const common = { tags: ["rooms"], security: signedIn, middleware: requireLogin };
const heavyMine: [typeof requireLogin, typeof heavy] = [requireLogin, heavy];
const params = z.object({ id: idParam("id") });
const ofMembers = ["forbidden", "not_found", "room_dissolved", "hall_fixed", "direct_fixed", "room_managed"] as const;
const memberParams = z.object({ id: idParam("id"), uid: idParam("uid") });

const listMembers = createRoute({
  ...common,
  method: "get",
  path: "/rooms/{id}/members",
  middleware: heavyMine,
  summary: "The members of a room; in the hall that is everybody",
  request: { params, query: pageQuery },
  responses: {
    200: json(pageOf(Member).extend({ asOf }), "A page of members, by uid"),
    ...problems("forbidden", "not_found"),
  },
});

const postMembers = createRoute({
  ...common,
  method: "post",
  path: "/rooms/{id}/members",
  middleware: heavyMine,
  summary: "Bring people into a group: any member may",
  request: {
    params,
    body: jsonBody(z.object({ memberIds: z.array(idSchema).min(1).max(LIMITS.memberIdsPerRequest) })),
  },
  responses: {
    200: json(
      z.object({
        roomId: idSchema,
        added: z.array(idSchema).max(LIMITS.memberIdsPerRequest),
        memberCount: countSchema,
      }),
      "Those who joined, without those who were already there",
    ),
    ...problems(...ofMembers, "room_full", "unknown_user", "too_many_rooms", "not_friends"),
  },
});

const deleteMember = createRoute({
  ...common,
  method: "delete",
  path: "/rooms/{id}/members/{uid}",
  summary: "Leave a group, or remove somebody from it",
  request: { params: memberParams },
  responses: { 204: noContent("No longer a member"), ...problems(...ofMembers, "owner_cannot_leave") },
});

const putRole = createRoute({
  ...common,
  method: "put",
  path: "/rooms/{id}/members/{uid}/role",
  summary: "Make a member an admin or an ordinary member: only the owner may",
  request: { params: memberParams, body: jsonBody(z.object({ role: z.union([z.literal(2), z.literal(3)]) })) },
  responses: {
    200: json(z.object({ roomId: idSchema, uid: idSchema, role: roleSchema }), "As it is now"),
    ...problems(...ofMembers, "unknown_user"),
  },
});

const putOwner = createRoute({
  ...common,
  method: "put",
  path: "/rooms/{id}/owner",
  summary: "Transfer the ownership of a group to another member: only its owner may",
  request: { params, body: jsonBody(z.object({ uid: idSchema })) },
  responses: {
    200: json(z.object({ roomId: idSchema, ownerId: idSchema }), "The owner now"),
    ...problems(...ofMembers, "unknown_user"),
  },
});

export function membersRoutes(context: RoomsContext) {
  const routes = newRoutes();
  routes.openapi(listMembers, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const page = { roomId: c.req.valid("param").id, after: parseNumberCursor(cursor), limit };
    return c.json(await actions.listMembers(context, c.get("login"), page), 200);
  });
  routes.openapi(postMembers, async (c) => {
    const roomId = c.req.valid("param").id;
    const { memberIds } = c.req.valid("json");
    return c.json({ roomId, ...(await actions.addMembers(context, c.get("login"), { roomId, memberIds })) }, 200);
  });
  routes.openapi(deleteMember, async (c) => {
    const { id: roomId, uid } = c.req.valid("param");
    await actions.removeMember(context, c.get("login"), { roomId, uid });
    return c.body(null, 204);
  });
  routes.openapi(putRole, async (c) => {
    const { id: roomId, uid } = c.req.valid("param");
    const { role } = c.req.valid("json");
    await actions.changeRole(context, c.get("login"), { roomId, uid, role });
    return c.json({ roomId, uid, role }, 200);
  });
  routes.openapi(putOwner, async (c) => {
    const roomId = c.req.valid("param").id;
    const { uid } = c.req.valid("json");
    await actions.changeOwner(context, c.get("login"), { roomId, uid });
    return c.json({ roomId, ownerId: uid }, 200);
  });
  return routes;
}
