import { createRoute, z } from "@hono/zod-openapi";
import { countSchema, idSchema, MUTED_FOR_GOOD, textSchema } from "@parley/protocol";
import { requireAdministrator } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { administrators, idParam, json, jsonBody, newRoutes, noContent, problems } from "../http/openapi.ts";
import { pageOf, pageQuery, parseNumberCursor } from "../http/page.ts";
import { adminOf } from "../identity/administrator.ts";
import { SIZES } from "../limits/sizes.ts";
import type { BansContext } from "./ban-actions.ts";
import * as actions from "./ban-actions.ts";

const common = { tags: ["admin"], security: administrators, middleware: requireAdministrator };

const reason = textSchema(0, SIZES.banReason.count);
const wish = z.object({
  until: z
    .int()
    .min(0)
    .max(MUTED_FOR_GOOD)
    .nullable()
    .default(null)
    .openapi({ description: "Epoch milliseconds at which the ban ends by itself; null: for good" }),
  reason: reason.default("").openapi({ description: "Shown to those who are banned" }),
});

const Ban = z
  .object({
    id: idSchema,
    uid: idSchema.nullable().meta({ description: "Null: a ban of addresses" }),
    name: z.string().max(64).nullable().openapi({ description: "The person's name" }),
    cidr: z.string().max(64).nullable().openapi({ description: "In canonical form; null: a ban of a person" }),
    until: countSchema.nullable(),
    reason,
    createdAt: countSchema,
    createdBy: countSchema.meta({ description: "The administrator who banned" }),
  })
  .openapi("Ban");
const MadeBan = Ban.omit({ name: true }).openapi("MadeBan");

const person = z.object({ uid: idParam("uid") });
const addresses = z.object({
  cidr: z
    .string()
    .min(2)
    .max(64)
    .openapi({
      param: {
        name: "cidr",
        in: "path",
        description: "An address or a range, percent-encoded, such as 203.0.113.0%2F24",
      },
    }),
});

const putPerson = createRoute({
  ...common,
  method: "put",
  path: "/admin/bans/users/{uid}",
  summary: "Ban a person, for a time or for good",
  description:
    "Their connections end within a second, their requests get 403 `banned`, and their messages are hidden. An existing ban gets the new end and reason.",
  request: { params: person, body: jsonBody(wish) },
  responses: {
    200: json(MadeBan, "The ban as it is now"),
    ...problems("not_found", "own_account", "administrator_protected", "too_many_bans"),
  },
});

const deletePerson = createRoute({
  ...common,
  method: "delete",
  path: "/admin/bans/users/{uid}",
  summary: "Let a banned person in again",
  request: { params: person },
  responses: { 204: noContent("Not banned") },
});

const putAddresses = createRoute({
  ...common,
  method: "put",
  path: "/admin/bans/ips/{cidr}",
  summary: "Ban an address or a range of addresses, for a time or for good",
  description: "IPv4-mapped addresses count as IPv4. A ban covers at most a /16 of IPv4 or a /32 of IPv6 addresses.",
  request: { params: addresses, body: jsonBody(wish) },
  responses: {
    200: json(MadeBan, "The ban as it is now"),
    ...problems("address_protected", "range_too_wide", "too_many_bans"),
  },
});

const deleteAddresses = createRoute({
  ...common,
  method: "delete",
  path: "/admin/bans/ips/{cidr}",
  summary: "End a ban of addresses; the range is the one that was banned",
  request: { params: addresses },
  responses: { 204: noContent("Not banned") },
});

const getBans = createRoute({
  ...common,
  middleware: [requireAdministrator, heavy] as const,
  method: "get",
  path: "/admin/bans",
  summary: "Bans in force, newest first",
  request: { query: pageQuery },
  responses: { 200: json(pageOf(Ban), "A page of bans") },
});

export function bansRoutes(context: BansContext) {
  const routes = newRoutes();
  routes.openapi(putPerson, async (c) => {
    const { uid } = c.req.valid("param");
    return c.json(await actions.banPerson(context, adminOf(c), { uid, ...c.req.valid("json") }), 200);
  });
  routes.openapi(deletePerson, async (c) => {
    await actions.unbanPerson(context, adminOf(c), c.req.valid("param").uid);
    return c.body(null, 204);
  });
  routes.openapi(putAddresses, async (c) => {
    const { cidr } = c.req.valid("param");
    return c.json(await actions.banAddresses(context, adminOf(c), { cidr, ...c.req.valid("json") }), 200);
  });
  routes.openapi(deleteAddresses, async (c) => {
    await actions.unbanAddresses(context, adminOf(c), c.req.valid("param").cidr);
    return c.body(null, 204);
  });
  routes.openapi(getBans, async (c) => {
    const { cursor, limit } = c.req.valid("query");
    return c.json(await actions.listBans(context, { before: parseNumberCursor(cursor), limit }), 200);
  });
  return routes;
}
