import type { ServerScope } from "@parley/protocol";
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../http/app-env.ts";
import type { ServerKey } from "../http/server-key.ts";
import type { KeyRates } from "../keys/key-rates.ts";
import { ProblemError } from "../lib/problem.ts";

export type KeyEnv = AppEnv & { Variables: { serverKey: ServerKey } };

/**
 * For each route of the door: `c.get("serverKey")` is there, has the scope, and one more request of it is counted.
 * @throws ProblemError `unauthorized`, `scope_missing` with the name of the scope, `rate_limited`, `invalid` for a path that cannot be read
 */
export function withKey({ keyRates }: { keyRates: KeyRates }, scope: ServerScope): MiddlewareHandler<KeyEnv> {
  return async (c, next) => {
    const key = c.get("serverKey") as ServerKey | undefined;
    if (!key) {
      if (c.req.header("Authorization") !== undefined) c.get("countBadToken")(c.env.ip);
      throw new ProblemError("unauthorized", "This needs a valid server key: Authorization: Bearer ps_…");
    }
    keyRates.takeRequest(key);
    if (!key.scopes.has(scope)) {
      throw new ProblemError("scope_missing", `The server key ${key.name} does not have the scope ${scope}`, {
        extra: { scope },
      });
    }
    checkEncoding(c.req.raw.url);
    await next();
  };
}

/** A name that is not encoded as it should be would be taken as it stands, and be another person's or room's. */
function checkEncoding(url: string): void {
  if (!url.includes("%")) return;
  try {
    decodeURIComponent(new URL(url).pathname);
  } catch {
    const message = "must be UTF-8, percent-encoded";
    throw new ProblemError("invalid", `The path ${message}`, { extra: { errors: [{ path: "", message }] } });
  }
}
