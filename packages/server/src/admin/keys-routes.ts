import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, MUTED_FOR_GOOD, SERVER_SCOPES } from "@parley/protocol";
import { requireAdministrator } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { administrators, idParam, json, jsonBody, newRoutes, noContent, problems } from "../http/openapi.ts";
import { adminOf } from "../identity/administrator.ts";
import { listKeys } from "../keys/key-actions.ts";
import { keyNameSchema, keyRateSchema } from "../keys/key-form.ts";
import { CAPS } from "../limits/caps.ts";
import type { AdminContext } from "./admin-context.ts";
import * as actions from "./key-admin-actions.ts";

const common = { tags: ["admin"], security: administrators, middleware: requireAdministrator };

const scopes = z.array(z.enum(SERVER_SCOPES)).min(1).max(SERVER_SCOPES.length);
const expiresAt = z.int().min(0).max(MUTED_FOR_GOOD).nullable();
const name = keyNameSchema.meta({ minLength: 1, maxLength: 64 });

const Key = z
  .object({
    id: idSchema,
    name,
    scopes,
    createdAt: countSchema,
    expiresAt,
    lastUsedAt: countSchema.nullable().meta({ description: "To the minute; null: it was never used" }),
    rate: keyRateSchema.nullable().meta({ description: "Requests a second; null: the usual number" }),
    recipientsRate: keyRateSchema.nullable().meta({ description: "Recipients of notifications and events a second" }),
    allRate: keyRateSchema.nullable().meta({ description: "Notifications and events to everybody a second" }),
  })
  .openapi("ServerKey");

const getKeys = createRoute({
  ...common,
  middleware: [requireAdministrator, heavy] as const,
  method: "get",
  path: "/admin/keys",
  summary: "Server keys, oldest first; the keys themselves are stored nowhere",
  responses: { 200: json(z.object({ items: z.array(Key).max(CAPS.serverKeys.count) }), "All of them") },
});

const postKey = createRoute({
  ...common,
  method: "post",
  path: "/admin/keys",
  summary: "Make a server key",
  request: {
    body: jsonBody(
      z.object({
        name,
        scopes: scopes.default([...SERVER_SCOPES]).openapi({ description: "Absent: all of them" }),
        expiresAt: expiresAt.default(null),
        rate: keyRateSchema.nullable().default(null),
        recipientsRate: keyRateSchema.nullable().default(null),
        allRate: keyRateSchema.nullable().default(null),
      }),
    ),
  },
  responses: {
    201: json(
      z.object({ id: idSchema, key: z.string().regex(/^ps_[A-Za-z0-9_-]{43}$/) }).openapi("NewServerKey"),
      "The key, shown only here",
    ),
    ...problems("name_taken", "too_many_keys"),
  },
});

const deleteKey = createRoute({
  ...common,
  method: "delete",
  path: "/admin/keys/{id}",
  summary: "Revoke a server key at once and for good",
  request: { params: z.object({ id: idParam("id") }) },
  responses: { 204: noContent("It is refused from now on"), ...problems("not_found") },
});

export function keysRoutes(context: AdminContext) {
  const routes = newRoutes();
  routes.openapi(getKeys, async (c) => c.json({ items: (await listKeys(context)).map(asMutable) }, 200));
  routes.openapi(postKey, async (c) =>
    c.json(await actions.makeKey(context, adminOf(c), c.req.valid("json")), 201, { "Cache-Control": "no-store" }),
  );
  routes.openapi(deleteKey, async (c) => {
    await actions.endKey(context, adminOf(c), c.req.valid("param").id);
    return c.body(null, 204);
  });
  return routes;
}

function asMutable<K extends { readonly scopes: readonly (typeof SERVER_SCOPES)[number][] }>(key: K) {
  return { ...key, scopes: [...key.scopes] };
}
