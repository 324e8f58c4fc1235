import type { MiddlewareHandler } from "hono";
import { ipLimitKey } from "../lib/ip-range.ts";
import type { AppEnv } from "./app-env.ts";
import { lookAgain } from "./authenticate.ts";

/**
 * For routes that can ask for much or answer with much: they have their turn, before anything of the body is looked at, when it is that of the
 * person who asks or, where nobody is signed in, of the address. Stands behind `requireLogin` or `optionalLogin`.
 * @throws ProblemError `rate_limited`, `overloaded`, and as `lookAgain` does
 */
export const heavy: MiddlewareHandler<AppEnv> = (c, next) => {
  const login = c.get("login");
  const who = login ? login.uid : ipLimitKey(c.env.ip);
  const work = async () => {
    await lookAgain(c);
    await next();
  };
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  return isRead ? c.get("heavyWork").read(who, work) : c.get("heavyWork").run(who, work);
};
