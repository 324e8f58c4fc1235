import { createRoute, z } from "@hono/zod-openapi";
import { pictureSchema } from "@parley/protocol";
import { requireLogin } from "../http/authenticate.ts";
import { heavy } from "../http/heavy.ts";
import { json, jsonBody, newRoutes, noContent, problems, type Routes, signedIn } from "../http/openapi.ts";
import { asOf, cursorParam, cursorParamOf, parseNumberCursor, parseTextCursor } from "../http/page.ts";
import { Export } from "./export-view.ts";
import type { IdentityContext } from "./identity-context.ts";
import * as actions from "./me-actions.ts";
import { nameSchema } from "./names.ts";
import { passwordSchema, presentPasswordSchema } from "./passwords.ts";
import { UserReply } from "./users.ts";

const Me = z.object({ ...UserReply.shape, asOf }).openapi("Me");

const route = { tags: ["accounts"], security: signedIn, middleware: requireLogin, path: "/me" };

const get = createRoute({ ...route, method: "get", summary: "Myself", responses: { 200: json(Me, "Myself") } });

const change = createRoute({
  ...route,
  method: "patch",
  summary: "Change my name or picture",
  description: 'A new name also signs in. An empty avatar ("") removes the picture.',
  request: { body: jsonBody(z.object({ name: nameSchema.optional(), avatar: pictureSchema.optional() })) },
  responses: { 200: json(UserReply, "My account as it is now"), ...problems("not_found", "name_taken") },
});

const changePassword = createRoute({
  ...route,
  method: "put",
  path: "/me/password",
  summary: "Change my password",
  description:
    "`password` is the present password. `password_wrong`: it is not, or the account has none. `password_too_common`: the new " +
    "one is my name, or one of the 3 000 most common ones.",
  request: {
    body: jsonBody(
      z.object({
        password: presentPasswordSchema,
        newPassword: passwordSchema,
        endOtherLogins: z.boolean().default(false).openapi({ description: "Sign all my other devices out" }),
      }),
    ),
  },
  responses: { 204: noContent("Changed"), ...problems("password_wrong", "password_too_common") },
});

const remove = createRoute({
  ...route,
  method: "delete",
  summary: "Delete my account",
  description:
    "At once and for good: all devices are signed out, the name is free, and messages stay without a name. An account that has " +
    "a password is deleted only with it, otherwise `password_wrong`. Refused with `owner_cannot_leave` while I own groups that " +
    "are not dissolved; `roomIds` names up to ten of them.",
  request: { body: jsonBody(z.object({ password: presentPasswordSchema.optional() })) },
  responses: { 204: noContent("Deleted"), ...problems("password_wrong", "owner_cannot_leave") },
});

const exportAll = createRoute({
  ...route,
  method: "get",
  path: "/me/export",
  middleware: [requireLogin, heavy] as const,
  summary: "Everything stored about me",
  description:
    "Messages come in pages: pass `cursor` from `messages.nextCursor` until it is null. A recalled message has no body. Likes and " +
    "dislikes come in pages too: pass `marksCursor` from `marks.nextCursor`; and so do my friend requests (`requestsCursor`) and " +
    "notifications (`notificationsCursor`).",
  request: {
    query: z.object({
      cursor: cursorParam,
      marksCursor: cursorParamOf("marksCursor"),
      requestsCursor: cursorParamOf("requestsCursor"),
      notificationsCursor: cursorParamOf("notificationsCursor"),
    }),
  },
  responses: {
    200: json(Export, "What is stored, with one page each of messages, marks, friend requests and notifications"),
  },
});

/** The caller's account. */
export function meRoutes(context: IdentityContext): Routes {
  const routes = newRoutes();

  routes.openapi(get, async (c) => c.json(await actions.getMe(context, c.get("login")), 200));
  routes.openapi(change, async (c) => {
    const { name, avatar } = c.req.valid("json");
    const changes = { ...(name === undefined ? {} : { name }), ...(avatar === undefined ? {} : { avatar }) };
    return c.json(await actions.changeProfile(context, c.get("login"), changes), 200);
  });
  routes.openapi(changePassword, async (c) => {
    await actions.changePassword(context, c.get("login"), c.req.valid("json"));
    return c.body(null, 204);
  });
  routes.openapi(remove, async (c) => {
    await actions.deleteAccount(context, c.get("login"), { password: c.req.valid("json").password });
    return c.body(null, 204);
  });
  routes.openapi(exportAll, async (c) => {
    const { cursor, marksCursor, requestsCursor, notificationsCursor } = c.req.valid("query");
    const exported = await actions.exportMe(context, c.get("login"), {
      after: parseTextCursor(cursor),
      afterMark: parseNumberCursor(marksCursor, "marksCursor"),
      afterRequest: parseNumberCursor(requestsCursor, "requestsCursor"),
      afterNotice: parseNumberCursor(notificationsCursor, "notificationsCursor"),
    });
    return c.json({ ...exported }, 200, {
      "Content-Disposition": 'attachment; filename="parley-export.json"',
    });
  });
  return routes;
}
