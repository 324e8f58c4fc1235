import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, LIMITS, shownTextSchema, textSchema, UNRULY, userSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, jsonBody, newRoutes, noContent, problems, signedIn } from "../http/openapi.ts";
import { asOf, pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import type { ContactsContext } from "./contacts-context.ts";
import * as actions from "./friend-actions.ts";

const mine = { tags: ["contacts"], security: signedIn, middleware: requireLogin };
const params = z.object({ uid: idParam("uid") });

const Friend = z
  .object({
    uid: idSchema,
    name: userSchema.shape.name,
    avatar: userSchema.shape.avatar,
    remark: shownTextSchema(0, LIMITS.remarkCodePoints).meta({
      description: "My name for them; empty: their own name",
    }),
    roomId: idSchema.meta({ description: "Our direct room" }),
    activeStatus: z.union([z.literal(1), z.literal(2)]).openapi({ description: "1 online, 2 offline" }),
    lastOptTime: countSchema.nullable().openapi({
      description: "When they came online or went offline; null if the server has not seen that since it started",
    }),
  })
  .openapi("Friend");

/** Lists show a remark in place of the name, so it has the rules of names, except that it may be empty. */
const remarkSchema = z
  .string()
  .trim()
  .pipe(textSchema(0, LIMITS.remarkCodePoints))
  .refine((text) => !UNRULY.test(text), "must not contain characters that change the text's direction or line")
  .meta({ maxLength: LIMITS.remarkCodePoints });

const listFriends = createRoute({
  method: "get",
  path: "/friends",
  ...mine,
  middleware: [requireLogin, heavy] as const,
  summary: "My friends",
  request: { query: pageQuery },
  responses: { 200: json(pageOf(Friend).extend({ asOf }), "A page of friends, by uid") },
});

const patchFriend = createRoute({
  method: "patch",
  path: "/friends/{uid}",
  ...mine,
  summary: "Give a friend another name, which only I see",
  request: { params, body: jsonBody(z.object({ remark: remarkSchema })) },
  responses: {
    200: json(z.object({ uid: idSchema, remark: Friend.shape.remark }), "The remark as it is now"),
    ...problems("not_found"),
  },
});

const deleteFriend = createRoute({
  method: "delete",
  path: "/friends/{uid}",
  ...mine,
  summary: "End a friendship, for both",
  request: { params },
  responses: { 204: noContent("We are not friends") },
});

export function friendsRoutes(context: ContactsContext) {
  const routes = newRoutes();
  routes.openapi(listFriends, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const page = { after: parseNumberCursor(cursor), limit };
    return c.json(await actions.listFriends(context, c.get("login"), page), 200);
  });
  routes.openapi(patchFriend, async (c) => {
    const { uid } = c.req.valid("param");
    const { remark } = c.req.valid("json");
    await actions.setRemark(context, c.get("login"), { friendUid: uid, remark });
    return c.json({ uid, remark }, 200);
  });
  routes.openapi(deleteFriend, async (c) => {
    await actions.removeFriend(context, c.get("login"), c.req.valid("param").uid);
    return c.body(null, 204);
  });
  return routes;
}
