import { createRoute, z } from "@hono/zod-openapi";
import { idSchema, userSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { idParam, json, newRoutes, noContent, problems, signedIn } from "../http/openapi.ts";
import { asOf, pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import * as actions from "./block-actions.ts";
import type { ContactsContext } from "./contacts-context.ts";

const mine = { tags: ["contacts"], security: signedIn, middleware: requireLogin };
const params = z.object({ uid: idParam("uid") });

const BlockedPerson = z
  .object({ uid: idSchema, name: userSchema.shape.name, avatar: userSchema.shape.avatar })
  .openapi("BlockedPerson");

const listBlocks = createRoute({
  method: "get",
  path: "/blocks",
  ...mine,
  middleware: [requireLogin, heavy] as const,
  summary: "People whom I have blocked",
  request: { query: pageQuery },
  responses: { 200: json(pageOf(BlockedPerson).extend({ asOf }), "A page of people, by uid") },
});

const putBlock = createRoute({
  method: "put",
  path: "/blocks/{uid}",
  ...mine,
  summary: "Block somebody; they are not told",
  request: { params },
  responses: { 204: noContent("Blocked"), ...problems("own_account", "unknown_user", "too_many_blocks") },
});

const deleteBlock = createRoute({
  method: "delete",
  path: "/blocks/{uid}",
  ...mine,
  summary: "End a block",
  request: { params },
  responses: { 204: noContent("Not blocked") },
});

export function blocksRoutes(context: ContactsContext) {
  const routes = newRoutes();
  routes.openapi(listBlocks, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    const page = { after: parseNumberCursor(cursor), limit };
    return c.json(await actions.listBlocks(context, c.get("login"), page), 200);
  });
  routes.openapi(putBlock, async (c) => {
    await actions.block(context, c.get("login"), c.req.valid("param").uid);
    return c.body(null, 204);
  });
  routes.openapi(deleteBlock, async (c) => {
    await actions.unblock(context, c.get("login"), c.req.valid("param").uid);
    return c.body(null, 204);
  });
  return routes;
}
