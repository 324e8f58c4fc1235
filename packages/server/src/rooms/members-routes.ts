import { createRoute, z } from "@hono/zod-openapi";
import { idSchema, LIMITS } from "@parley/protocol";
import { readSnapshot } from "../event-log/snapshot.ts";
import { requireLogin } from "../http/authenticate.ts";
import { idParam, json, jsonBody, newRoutes, noContent, problems, signedIn } from "../http/openapi.ts";
import { numberCursor, pageQuery } from "../http/page.ts";
import { addMembers, changeOwner, changeRole, removeMember } from "./member-writes.ts";
import { Member, memberPage } from "./members.ts";
import type { RoomsParts } from "./room-reader.ts";

const common = { tags: ["rooms"], security: signedIn, middleware: requireLogin };
const params = z.object({ id: idParam("id") });
const memberParams = z.object({ id: idParam("id"), uid: idParam("uid") });

const listMembers = createRoute({
  ...common,
  method: "get",
  path: "/rooms/{id}/members",
  summary: "Who is in a room; the hall has everybody",
  request: { params, query: pageQuery },
  responses: {
    200: json(
      z.object({ items: z.array(Member), nextCursor: z.string().nullable(), asOf: z.string() }),
      "A page of members, by uid",
    ),
    ...problems(403, 404),
  },
});

const postMembers = createRoute({
  ...common,
  method: "post",
  path: "/rooms/{id}/members",
  summary: "Bring people into a group: any member",
  request: {
    params,
    body: jsonBody(z.object({ memberIds: z.array(idSchema).min(1).max(LIMITS.memberIdsPerRequest) })),
  },
  responses: {
    200: json(
      z.object({ roomId: z.number().int(), added: z.array(z.number().int()), memberCount: z.number().int() }),
      "Who joined; those who were there already are left out",
    ),
    ...problems(403, 404, 422),
  },
});

const deleteMember = createRoute({
  ...common,
  method: "delete",
  path: "/rooms/{id}/members/{uid}",
  summary: "Leave a group, or remove somebody from it",
  request: { params: memberParams },
  responses: { 204: noContent("No longer a member"), ...problems(403, 404, 422) },
});

const putRole = createRoute({
  ...common,
  method: "put",
  path: "/rooms/{id}/members/{uid}/role",
  summary: "Make a member an admin, or an ordinary one again: the owner",
  request: { params: memberParams, body: jsonBody(z.object({ role: z.union([z.literal(2), z.literal(3)]) })) },
  responses: {
    200: json(z.object({ roomId: z.number().int(), uid: z.number().int(), role: z.number().int() }), "As it is now"),
    ...problems(403, 404, 422),
  },
});

const putOwner = createRoute({
  ...common,
  method: "put",
  path: "/rooms/{id}/owner",
  summary: "Hand a group over to another member: its owner",
  request: { params, body: jsonBody(z.object({ uid: idSchema })) },
  responses: {
    200: json(z.object({ roomId: z.number().int(), ownerId: z.number().int() }), "The owner now"),
    ...problems(403, 404, 422),
  },
});

export function membersRoutes({ db, epoch, writes, clock, hall }: Omit<RoomsParts, "messageTexts">) {
  const routes = newRoutes();
  routes.openapi(listMembers, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const asked = { reader: { actor: c.get("login"), hall }, after: numberCursor(cursor), limit };
    const page = await readSnapshot({ db, epoch }, async ({ db: snapshot, asOf }) => ({
      ...(await memberPage(snapshot, c.req.valid("param").id, asked)),
      asOf,
    }));
    return c.json(page, 200);
  });
  routes.openapi(postMembers, async (c) => {
    const roomId = c.req.valid("param").id;
    const { memberIds } = c.req.valid("json");
    const result = await writes.run(addMembers, { actor: c.get("login"), roomId, memberIds, now: clock.now() });
    return c.json({ roomId, ...result }, 200);
  });
  routes.openapi(deleteMember, async (c) => {
    const { id: roomId, uid } = c.req.valid("param");
    await writes.run(removeMember, { actor: c.get("login"), roomId, uid, now: clock.now() });
    return c.body(null, 204);
  });
  routes.openapi(putRole, async (c) => {
    const { id: roomId, uid } = c.req.valid("param");
    const { role } = c.req.valid("json");
    await writes.run(changeRole, { actor: c.get("login"), roomId, uid, role, now: clock.now() });
    return c.json({ roomId, uid, role }, 200);
  });
  routes.openapi(putOwner, async (c) => {
    const roomId = c.req.valid("param").id;
    const { uid } = c.req.valid("json");
    await writes.run(changeOwner, { actor: c.get("login"), roomId, uid, now: clock.now() });
    return c.json({ roomId, ownerId: uid }, 200);
  });
  return routes;
}
