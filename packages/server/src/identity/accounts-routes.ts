import { createRoute, z } from "@hono/zod-openapi";
import { json, jsonBody, newRoutes, problems, type Routes } from "../http/openapi.ts";
import * as accounts from "./account-actions.ts";
import type { IdentityContext } from "./identity-context.ts";
import type { Granted } from "./logins.ts";
import { nameSchema } from "./names.ts";
import { passwordSchema } from "./passwords.ts";
import { requesterOf } from "./requester.ts";
import { UserReply } from "./users.ts";

/** What signing in answers, whichever way. */
export const GrantedReply = z
  .object({ user: UserReply, token: z.string(), expiresAt: z.number() })
  .openapi("Granted", { description: "A login: whom it signs in, its token (shown only here), its end (ms)" });

export function grantedReply({ user, token, expiresAt }: Granted): z.infer<typeof GrantedReply> {
  return { user, token, expiresAt };
}

const register = createRoute({
  method: "post",
  path: "/accounts",
  tags: ["accounts"],
  summary: "Make an account and sign in to it",
  request: { body: jsonBody(z.object({ name: nameSchema, password: passwordSchema })) },
  responses: { 201: json(GrantedReply, "The account and its first login"), ...problems(403, 409) },
});

/** Looser than for new accounts: what no account can have is answered like any other wrong name or password. */
const credentialsSchema = z.object({ name: z.string().min(1).max(128), password: z.string().min(1).max(1024) });

const signIn = createRoute({
  method: "post",
  path: "/logins",
  tags: ["accounts"],
  summary: "Sign in with name and password",
  request: { body: jsonBody(credentialsSchema) },
  responses: { 201: json(GrantedReply, "The new login"), ...problems(401) },
});

/** The two ways in that need no login. */
export function accountsRoutes(context: IdentityContext): Routes {
  const routes = newRoutes();
  routes.openapi(register, async (c) => {
    const granted = await accounts.register(context, requesterOf(c), c.req.valid("json"));
    return c.json(grantedReply(granted), 201);
  });
  routes.openapi(signIn, async (c) => {
    const granted = await accounts.signIn(context, requesterOf(c), c.req.valid("json"));
    return c.json(grantedReply(granted), 201);
  });
  return routes;
}
