import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema } from "@parley/protocol";
import { bearerToken, requireLogin } from "../http/authenticate.ts";
import { idParam, json, newRoutes, noContent, problems, type Routes, signedIn } from "../http/openapi.ts";
import { pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import { GrantedReply, grantedReply } from "./accounts-routes.ts";
import type { IdentityContext } from "./identity-context.ts";
import * as actions from "./login-actions.ts";
import { ipText, placeText, userAgentText } from "./requester.ts";

const Device = z
  .object({
    id: idSchema,
    ip: ipText,
    userAgent: userAgentText,
    place: placeText,
    createdAt: countSchema,
    lastSeenAt: countSchema,
    expiresAt: countSchema,
    via: z.enum(["password", "qr", "server"]),
    current: z.boolean(),
  })
  .openapi("Device", { description: "One signed-in device. lastSeenAt is exact to about five minutes." });

const route = { tags: ["accounts"], security: signedIn, middleware: requireLogin };

const KEEP = "The token stays as it is, and only the login's end is put off";

const refresh = createRoute({
  ...route,
  method: "post",
  path: "/logins/refresh",
  summary: "A new token for this login, which then lives 30 days from now",
  request: { query: z.object({ keepToken: z.enum(["true", "false"]).optional().openapi({ description: KEEP }) }) },
  description:
    "The old token stays valid for five more minutes: if the reply is lost, ask again with it. " +
    "That ends the token of the lost reply. 403: this device is signed in with one of the product's own tokens; the next one comes from the product.",
  responses: { 200: json(GrantedReply, "The same login with its new token"), ...problems("forbidden") },
});

const list = createRoute({
  ...route,
  method: "get",
  path: "/logins",
  summary: "My signed-in devices, newest first",
  request: { query: pageQuery },
  responses: {
    200: json(pageOf(Device).openapi("Devices"), "A page"),
  },
});

const remove = createRoute({
  ...route,
  method: "delete",
  path: "/logins/{id}",
  summary: "Sign one device out",
  request: { params: z.object({ id: idParam("id") }) },
  responses: { 204: noContent("Signed out; its connections are closed"), ...problems("not_found") },
});

const removeCurrent = createRoute({
  ...route,
  method: "delete",
  path: "/logins/current",
  summary: "Sign this device out",
  description: "403: this device is signed in with one of the product's own tokens, which would stay valid.",
  responses: { 204: noContent("Signed out"), ...problems("forbidden") },
});

const removeAll = createRoute({
  ...route,
  method: "delete",
  path: "/logins",
  summary: "Sign out everywhere, including here",
  responses: { 204: noContent("Signed out") },
});

/** The caller's devices. */
export function loginsRoutes(context: IdentityContext): Routes {
  const routes = newRoutes();

  routes.openapi(refresh, async (c) => {
    const presented = bearerToken(c.req.header("Authorization")) ?? "";
    const keep = c.req.valid("query").keepToken === "true";
    return c.json(grantedReply(await actions.refreshLogin(context, c.get("login"), { presented, keep })), 200);
  });
  routes.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    return c.json(await actions.listLogins(context, c.get("login"), { before: parseNumberCursor(cursor), limit }), 200);
  });
  // Before the route with an id: `current` is not an id.
  routes.openapi(removeCurrent, async (c) => {
    await actions.revokeCurrentLogin(context, c.get("login"));
    return c.body(null, 204);
  });
  routes.openapi(remove, async (c) => {
    await actions.revokeLogin(context, c.get("login"), c.req.valid("param").id);
    return c.body(null, 204);
  });
  routes.openapi(removeAll, async (c) => {
    await actions.revokeAllLogins(context, c.get("login"));
    return c.body(null, 204);
  });
  return routes;
}
