import type { Context, MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import type { CountBadToken } from "./login.ts";
import { type FindServerKey, SERVER_DOOR } from "./server-key.ts";

/** A secret that is a server key by its looks, after `Bearer` in any case. */
const KEY = /^\s*bearer\s+(ps_\S*)\s*$/i;

/**
 * Finds the server key of a request to the door, for whatever stands behind: it is not counted as in flight, its log line has the
 * key's name, and `with-key.ts` of the door asks for its scope. It refuses nothing itself, since refusals are counted and bounded behind it.
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
 * Stands behind what bounds requests. A page in a browser is refused whatever its key, and a key on any other route of the API, since it
 * signs nobody in.
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

/** A page names its origin, but for what it only reads of its own host; then the browser still says from where it asks. */
function isFromBrowser(headers: Headers): boolean {
  return headers.has("Origin") || headers.has("Sec-Fetch-Site");
}
