import { createRoute, z } from "@hono/zod-openapi";
import type { ReadDatabase } from "../db/open.ts";
import type { Writes } from "../db/writer.ts";
import { bearerToken, requireLogin } from "../http/authenticate.ts";
import { idParam, json, newRoutes, noContent, problems, type Routes, signedIn } from "../http/openapi.ts";
import { numberCursor, pageQuery } from "../http/page.ts";
import type { Clock } from "../lib/clock.ts";
import { GrantedReply, grantedReply } from "./accounts-routes.ts";
import type { Logins } from "./logins.ts";
import { revokeAllLogins, revokeLogin } from "./logins-writes.ts";

const Device = z
  .object({
    id: z.number().int(),
    ip: z.string(),
    userAgent: z.string(),
    place: z.string().nullable(),
    createdAt: z.number(),
    lastSeenAt: z.number(),
    expiresAt: z.number(),
    via: z.enum(["password", "qr"]),
    current: z.boolean(),
  })
  .openapi("Device", { description: "One signed-in device. lastSeenAt is exact to about five minutes." });

const route = { tags: ["accounts"], security: signedIn, middleware: requireLogin };

const refresh = createRoute({
  ...route,
  method: "post",
  path: "/logins/refresh",
  summary: "A new token for this login, which then lives 30 days from now",
  description:
    "The token used here holds for five more minutes: if the reply is lost, ask again with it. " +
    "Then the token of the lost reply ends.",
  responses: { 200: json(GrantedReply, "The same login with its new token") },
});

const list = createRoute({
  ...route,
  method: "get",
  path: "/logins",
  summary: "My signed-in devices, newest first",
  request: { query: pageQuery },
  responses: {
    200: json(z.object({ items: z.array(Device), nextCursor: z.string().nullable() }).openapi("Devices"), "A page"),
  },
});

const remove = createRoute({
  ...route,
  method: "delete",
  path: "/logins/{id}",
  summary: "Sign one device out",
  request: { params: z.object({ id: idParam("id") }) },
  responses: { 204: noContent("Signed out; its connections are closed"), ...problems(404) },
});

const removeCurrent = createRoute({
  ...route,
  method: "delete",
  path: "/logins/current",
  summary: "Sign this device out",
  responses: { 204: noContent("Signed out") },
});

const removeAll = createRoute({
  ...route,
  method: "delete",
  path: "/logins",
  summary: "Sign out everywhere, here too",
  responses: { 204: noContent("Signed out") },
});

/** One's own devices. */
export function loginsRoutes(parts: { db: ReadDatabase; writes: Writes; logins: Logins; clock: Clock }): Routes {
  const { db, writes, logins, clock } = parts;
  const routes = newRoutes();

  routes.openapi(refresh, async (c) => {
    const token = bearerToken(c.req.header("Authorization")) ?? "";
    return c.json(grantedReply(await logins.refresh(token)), 200);
  });

  routes.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const { uid, loginId } = c.get("login");
    const rows = await db
      .selectFrom("logins")
      .select(["id", "ip", "user_agent", "created_at", "last_seen_at", "expires_at", "via"])
      .where("uid", "=", uid)
      .where("expires_at", ">", clock.now())
      .where("id", "<", numberCursor(cursor) ?? Number.MAX_SAFE_INTEGER)
      .orderBy("id", "desc")
      .limit(limit + 1)
      .execute();
    const page = rows.slice(0, limit);
    const items = page.map((row) => ({
      id: row.id,
      ip: row.ip,
      userAgent: row.user_agent,
      place: null,
      createdAt: row.created_at,
      lastSeenAt: row.last_seen_at,
      expiresAt: row.expires_at,
      via: row.via,
      current: row.id === loginId,
    }));
    return c.json({ items, nextCursor: rows.length > limit ? String(page.at(-1)?.id) : null }, 200);
  });

  // Before the route with an id: `current` is none.
  routes.openapi(removeCurrent, async (c) => {
    const { uid, loginId } = c.get("login");
    await writes.run(revokeLogin, { uid, loginId, now: clock.now() });
    return c.body(null, 204);
  });
  routes.openapi(remove, async (c) => {
    const { id: loginId } = c.req.valid("param");
    await writes.run(revokeLogin, { uid: c.get("login").uid, loginId, now: clock.now() });
    return c.body(null, 204);
  });
  routes.openapi(removeAll, async (c) => {
    await writes.run(revokeAllLogins, { uid: c.get("login").uid, now: clock.now() });
    return c.body(null, 204);
  });
  return routes;
}
