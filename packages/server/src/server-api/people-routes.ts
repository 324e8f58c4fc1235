import { createRoute, z } from "@hono/zod-openapi";
import {
  countSchema,
  displayNameSchema,
  idSchema,
  pictureSchema,
  SERVER_LIMITS,
  shownTextSchema,
  userSchema,
} from "@parley/protocol";
import { json, jsonBody, keyed, newRoutes, noContent, problems, type Routes } from "../http/openapi.ts";
import type { PutResult } from "../identity/external-people-writes.ts";
import { tokenSchema } from "../identity/tokens.ts";
import { itemResult, itemsOf } from "./items.ts";
import * as actions from "./people-actions.ts";
import { externalId, externalIdOrNull, refParam } from "./refs.ts";
import type { ServerContext } from "./server-context.ts";
import { withKey } from "./with-key.ts";

const Person = z
  .object({
    uid: idSchema,
    externalId: externalIdOrNull,
    name: shownTextSchema(1, SERVER_LIMITS.displayNameCodePoints),
    avatar: userSchema.shape.avatar,
    createdAt: countSchema,
  })
  .openapi("ServerPerson", { description: "A person as the product's backend sees them" });

const fields = { name: displayNameSchema.optional(), avatar: pictureSchema.optional() };
const params = z.object({ user: refParam("user", "42") });
const route = { tags: ["server"], security: keyed };
const { tokenSecondsMin, tokenSecondsMax, tokenSecondsDefault } = SERVER_LIMITS;

/** People of the product and their tokens. */
export function peopleRoutes(context: ServerContext): Routes {
  const users = { ...route, middleware: withKey(context, "users") };
  const tokens = { ...route, middleware: withKey(context, "tokens") };
  const path = "/server/users/{user}";
  const routes = newRoutes();

  const putPerson = createRoute({
    ...users,
    method: "put",
    path,
    summary: "Make a person, or change their name or picture",
    description:
      "Names are only shown: they need not be unique, and nobody signs in by one. Without a name a new person is shown by their " +
      "external id. A path with `~` and an id of Parley's makes nobody.",
    request: { params, body: jsonBody(z.strictObject(fields)) },
    responses: {
      200: json(Person, "As they are now"),
      201: json(Person, "They were made"),
      ...problems("not_found", "name_taken", "administrator_protected"),
    },
  });
  routes.openapi(putPerson, async (c) => {
    const put = { ref: c.req.valid("param").user, ...c.req.valid("json") };
    const { status, body } = replyOf(await actions.putPerson(context, c.get("serverKey"), put));
    return c.json(body, status);
  });

  const getPerson = createRoute({
    ...users,
    method: "get",
    path,
    summary: "A person",
    request: { params },
    responses: { 200: json(Person, "The person"), ...problems("not_found") },
  });
  routes.openapi(getPerson, async (c) =>
    c.json(await actions.getPerson(context, c.get("serverKey"), c.req.valid("param").user), 200),
  );

  const putPeople = createRoute({
    ...users,
    method: "post",
    path: "/server/users",
    summary: "Make or change up to 100 people at once",
    description: "Each item's result is the status and the body that a single request would have been answered with.",
    request: {
      body: jsonBody(
        z.strictObject({
          items: z
            .array(z.strictObject({ externalId, ...fields }))
            .min(1)
            .max(SERVER_LIMITS.items),
        }),
      ),
    },
    responses: { 200: json(itemsOf(Person), "The results, in order") },
  });
  routes.openapi(putPeople, async (c) => {
    const key = c.get("serverKey");
    const results = c.req.valid("json").items.map(({ externalId: ref, ...item }) => {
      return itemResult(actions.putPerson(context, key, { ref, ...item }).then(replyOf));
    });
    return c.json({ items: await Promise.all(results) }, 200);
  });

  const deletePerson = createRoute({
    ...users,
    method: "delete",
    path,
    summary: "Delete a person",
    description:
      "At once and for good: their tokens end, groups that they own continue without an owner, and their messages stay without a " +
      "name. The external id is free: a PUT makes a new person.",
    request: { params },
    responses: { 204: noContent("Gone, even if there was nobody"), ...problems("administrator_protected") },
  });
  routes.openapi(deletePerson, async (c) => {
    await actions.deletePerson(context, c.get("serverKey"), c.req.valid("param").user);
    return c.body(null, 204);
  });

  const postToken = createRoute({
    ...tokens,
    method: "post",
    path: `${path}/tokens`,
    summary: "Make a token with which one of the person's devices signs in",
    request: {
      params,
      body: jsonBody(
        z.strictObject({
          ttlSeconds: z
            .int()
            .min(tokenSecondsMin)
            .max(tokenSecondsMax)
            .default(tokenSecondsDefault)
            .openapi({ description: "How long it is valid; a refresh does not prolong that" }),
        }),
      ),
    },
    responses: {
      201: json(
        z.object({ token: tokenSchema, expiresAt: countSchema }).openapi("ServerToken"),
        "The token, shown only here",
      ),
      ...problems("not_found", "account_disabled", "administrator_protected"),
    },
  });
  routes.openapi(postToken, async (c) => {
    const wish = { ref: c.req.valid("param").user, ttlSeconds: c.req.valid("json").ttlSeconds };
    return c.json(await actions.makeToken(context, c.get("serverKey"), wish), 201);
  });

  const deleteLogins = createRoute({
    ...tokens,
    method: "delete",
    path: `${path}/logins`,
    summary: "Sign a person out on all their devices",
    request: { params },
    responses: { 204: noContent("Signed out"), ...problems("not_found", "administrator_protected") },
  });
  routes.openapi(deleteLogins, async (c) => {
    await actions.endLogins(context, c.get("serverKey"), c.req.valid("param").user);
    return c.body(null, 204);
  });
  return routes;
}

function replyOf({ created, person }: PutResult) {
  return { status: created ? (201 as const) : (200 as const), body: person };
}
