import type { MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import type { FindLogin, Login } from "./login.ts";

/** Mounted once by the app: makes `findLogin` reachable for the two middlewares below. It looks nothing up itself. */
export function authenticate(findLogin: FindLogin): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    c.set("findLogin", findLogin);
    await next();
  };
}

/** Routes for signed-in people: `c.var.login` is there, or the answer is 401. */
export const requireLogin: MiddlewareHandler<AppEnv & { Variables: { login: Login } }> = async (c, next) => {
  const login = await loginOf(c.req.header("Authorization"), c.get("findLogin"));
  if (!login) throw new ProblemError("unauthorized");
  c.set("login", login);
  await next();
};

/**
 * Routes that anonymous people may use too: `c.var.login` is undefined for them. A token that is sent but does not hold is
 * 401 all the same, since its owner believes to be signed in.
 */
export const optionalLogin: MiddlewareHandler<AppEnv> = async (c, next) => {
  c.set("login", await loginOf(c.req.header("Authorization"), c.get("findLogin")));
  await next();
};

/** For administrators: 401 for the anonymous, 403 for everybody else. */
export const requirePower: MiddlewareHandler<AppEnv & { Variables: { login: Login } }> = async (c, next) => {
  const login = await loginOf(c.req.header("Authorization"), c.get("findLogin"));
  if (!login) throw new ProblemError("unauthorized");
  if (login.power !== 1) throw new ProblemError("forbidden");
  c.set("login", login);
  await next();
};

async function loginOf(header: string | undefined, findLogin: FindLogin): Promise<Login | undefined> {
  const token = bearerToken(header);
  if (token === undefined) return undefined;
  const login = await findLogin(token);
  if (!login) throw new ProblemError("unauthorized", "This token is not valid; sign in again");
  return login;
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
