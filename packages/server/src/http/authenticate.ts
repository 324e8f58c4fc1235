import type { Context, MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv, AppVariables } from "./app-env.ts";
import type { Login } from "./login.ts";

/** Mounted once by the app: makes these reachable for the middlewares below. It looks nothing up itself. */
export function authenticate(
  parts: Pick<AppVariables, "findLogin" | "countBadToken" | "heavyWork" | "largeReplies" | "addressRefusal">,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    c.set("findLogin", parts.findLogin);
    c.set("countBadToken", parts.countBadToken);
    c.set("addressRefusal", parts.addressRefusal);
    c.set("heavyWork", parts.heavyWork);
    c.set("largeReplies", parts.largeReplies);
    await next();
  };
}

/** Routes for signed-in people: `c.var.login` is there, or the answer is 401. */
export const requireLogin: MiddlewareHandler<AppEnv & { Variables: { login: Login } }> = async (c, next) => {
  const login = await loginOf(c);
  if (!login) throw new ProblemError("unauthorized");
  c.set("login", login);
  await next();
};

/** Routes under `/admin`: as `requireLogin`, and somebody who is not an administrator of the server is 403, whatever they ask for. */
export const requireAdministrator: MiddlewareHandler<AppEnv & { Variables: { login: Login } }> = async (c, next) => {
  const login = await loginOf(c);
  if (!login) throw new ProblemError("unauthorized");
  checkPower(login);
  c.set("isForAdministrators", true);
  c.set("login", login);
  await next();
};

function checkPower({ power }: Login): void {
  if (power !== 1) throw new ProblemError("forbidden", "Only administrators of the server may do this");
}

/**
 * Looks at the request's login or server key again, where it has one. Called when something was waited for, since a login may end meanwhile: after the body
 * has come, whose sender decides how long that takes, and after a turn of heavy work. What is looked up is mostly in memory.
 * @throws ProblemError `unauthorized`, `account_disabled`, `banned`, for the address too; `forbidden` for somebody who is no longer an administrator, on routes that need one
 */
export async function lookAgain(c: Context<AppEnv>): Promise<void> {
  const banned = c.get("addressRefusal")?.(c.env.ip);
  if (banned) throw banned;
  await c.get("findKeyAgain")?.();
  if (!c.get("login")) return;
  const login = await c.get("findLogin")(bearerToken(c.req.header("Authorization")) ?? "");
  if (!login) throw new ProblemError("unauthorized", "The login ended before the request was complete");
  if (c.get("isForAdministrators")) checkPower(login);
  c.set("login", login);
}

/**
 * Routes that anonymous people may use too: `c.var.login` is undefined for them. A token that is sent but is not valid
 * is 401 all the same, since its owner believes that they are signed in.
 */
export const optionalLogin: MiddlewareHandler<AppEnv> = async (c, next) => {
  c.set("login", await loginOf(c));
  await next();
};

/** The part of a request that is looked at, whatever context its route has. */
type RequestContext = Pick<Context<AppEnv>, "req" | "env"> & {
  get<K extends "findLogin" | "countBadToken" | "countRequest">(key: K): AppEnv["Variables"][K];
};

/** @throws ProblemError `unauthorized` for a token that is not valid; `rate_limited` after too many of those, or too many requests of this person */
export async function loginOf(c: RequestContext): Promise<Login | undefined> {
  const token = bearerToken(c.req.header("Authorization"));
  if (token === undefined) return undefined;
  const login = await c.get("findLogin")(token);
  if (login) {
    c.get("countRequest")?.(login.uid);
    return login;
  }
  c.get("countBadToken")(c.env.ip);
  throw new ProblemError("unauthorized", "This token is not valid; sign in again");
}

/**
 * The token of an Authorization header; undefined when there is none. A bare `Bearer`, which clients send before they have
 * a token, counts as none; another scheme is 401, since it was meant to sign in.
 */
export function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  const [scheme = "", token, ...rest] = header.trim().split(/\s+/);
  if (scheme.toLowerCase() !== "bearer" || rest.length > 0) {
    throw new ProblemError("unauthorized", "Authorization must be: Bearer <token>");
  }
  return token;
}
