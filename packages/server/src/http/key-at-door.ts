import type { Context, MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import type { CountBadToken } from "./login.ts";
import { type FindServerKey, SERVER_DOOR } from "./server-key.ts";

/** A secret that looks like a server key, after `Bearer` in any case. */
const KEY = /^\s*bearer\s+(ps_\S*)\s*$/i;

/**
 * Finds the server key of a request to the server API, for the steps that follow: it is not counted as in flight, its log line has the
 * key's name, and `with-key.ts` checks its scope. It refuses nothing itself, because refusals are counted and bounded later.
 */
export function findKeyAtDoor({ findServerKey }: { findServerKey: FindServerKey }): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const secret = secretOf(c);
    if (secret !== undefined && isAtDoor(c) && !isFromBrowser(c.req.raw.headers)) {
      c.set("serverKey", await findServerKey(secret));
      c.set("findKeyAgain", async () => {
        const key = await findServerKey(secret);
        if (!key) throw new ProblemError("unauthorized", "The server key ended before the request was complete");
        c.set("serverKey", key);
      });
    }
    await next();
  };
}

/**
 * Runs after the bounds of requests. A page in a browser is refused whatever its key, and so is a key on any other route of the API,
 * because it signs nobody in.
 * @throws ProblemError `key_in_browser`, `unauthorized`, `rate_limited`
 */
export function refuseMisusedKeys({ countBadToken }: { countBadToken: CountBadToken }): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (isAtDoor(c)) {
      if (isFromBrowser(c.req.raw.headers)) throw new ProblemError("key_in_browser");
    } else if (secretOf(c) !== undefined) {
      countBadToken(c.env.ip);
      throw new ProblemError("unauthorized", `A server key is for ${SERVER_DOOR} only`);
    }
    await next();
  };
}

function isAtDoor(c: Context<AppEnv>): boolean {
  return c.req.path.startsWith(SERVER_DOOR);
}

function secretOf(c: Context<AppEnv>): string | undefined {
  return KEY.exec(c.req.header("Authorization") ?? "")?.[1];
}

/** A page names its origin, except when it only reads from its own host; then the browser still says where the request comes from. */
function isFromBrowser(headers: Headers): boolean {
  return headers.has("Origin") || headers.has("Sec-Fetch-Site");
}
