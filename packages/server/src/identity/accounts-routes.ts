import { createRoute, z } from "@hono/zod-openapi";
import { countSchema } from "@parley/protocol";
import { loginOf } from "../http/authenticate.ts";
import { refuseForeignPages } from "../http/foreign-pages.ts";
import { json, jsonBody, newRoutes, problems, type Routes } from "../http/openapi.ts";
import { withoutZero } from "../lib/without-zero.ts";
import { SIZES } from "../limits/sizes.ts";
import * as accounts from "./account-actions.ts";
import type { IdentityContext } from "./identity-context.ts";
import type { Granted } from "./logins.ts";
import { nameSchema } from "./names.ts";
import { passwordSchema, presentPasswordSchema } from "./passwords.ts";
import { requesterOf } from "./requester.ts";
import { tokenSchema } from "./tokens.ts";
import { UserReply } from "./users.ts";

/** What signing in answers, whichever way. */
export const GrantedReply = z
  .object({ user: UserReply, token: tokenSchema, expiresAt: countSchema })
  .openapi("Granted", { description: "A login: its user, its token (shown only here) and its expiry (ms)" });

export function grantedReply({ user, token, expiresAt }: Granted): z.infer<typeof GrantedReply> {
  return { user, token, expiresAt };
}

const register = createRoute({
  method: "post",
  path: "/accounts",
  tags: ["accounts"],
  middleware: refuseForeignPages,
  summary: "Make an account and sign in to it",
  description:
    "`password_too_common`: the password is the name, or one of the 3 000 most common ones. With `REGISTRATION=closed` an administrator's token makes accounts for others, and only there a token is looked at.",
  request: { body: jsonBody(z.object({ name: nameSchema, password: passwordSchema })) },
  responses: {
    201: json(GrantedReply, "The account and its first login"),
    ...problems(
      "registration_closed",
      "unauthorized",
      "account_disabled",
      "origin_forbidden",
      "name_taken",
      "password_too_common",
    ),
  },
});

/** The name is looser than for new accounts too. */
const credentialsSchema = z.object({
  name: z.string().min(1).max(SIZES.givenName.count).transform(withoutZero),
  password: presentPasswordSchema,
});

const signIn = createRoute({
  method: "post",
  path: "/logins",
  tags: ["accounts"],
  middleware: refuseForeignPages,
  summary: "Sign in with name and password",
  description: "`account_disabled` and `banned` are answered only after the right password.",
  request: { body: jsonBody(credentialsSchema) },
  responses: {
    201: json(GrantedReply, "The new login"),
    ...problems("unauthorized", "account_disabled", "origin_forbidden"),
  },
});

/** The two ways in that need no login. */
export function accountsRoutes(context: IdentityContext): Routes {
  const routes = newRoutes();
  routes.openapi(register, async (c) => {
    // Elsewhere people who sign up may still send an old token.
    if (!context.registrationOpen) c.set("login", await loginOf(c));
    const login = c.get("login");
    const by = login && { ...login, ip: c.env.ip };
    const granted = await accounts.register(context, requesterOf(c), { ...c.req.valid("json"), by });
    return c.json(grantedReply(granted), 201);
  });
  routes.openapi(signIn, async (c) => {
    const granted = await accounts.signIn(context, requesterOf(c), c.req.valid("json"));
    return c.json(grantedReply(granted), 201);
  });
  return routes;
}
