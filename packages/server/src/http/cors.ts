import type { MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import { problemResponse } from "./errors.ts";
import { type HandshakeOriginRules, originVerdict } from "./origin.ts";

const PREFLIGHT = {
  "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
  "Access-Control-Allow-Headers": "Authorization, Content-Type, X-QR-Secret, Last-Event-ID",
  "Access-Control-Max-Age": "600",
};

interface CorsParts {
  readonly rules: HandshakeOriginRules;
  /** A proxy adds the headers, and browsers refuse what has them twice. Which pages are foreign stays the same. */
  readonly byProxy: boolean;
  /** Told of each request of a page that may not read its reply. */
  readonly onForeign: (origin: string) => void;
}

/**
 * Lets pages of our own host and of ALLOWED_ORIGINS read our replies; never with credentials, since tokens travel in a
 * header that only our own scripts set. A request of another origin is served like any other, but its page cannot read the
 * reply; its preflight is refused, and so is work for which nobody needs to be signed in (`foreign-pages.ts`).
 */
export function cors({ rules, byProxy, onForeign }: CorsParts): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const origin = c.req.header("Origin");
    const viaTrusted = c.env.address?.viaTrusted ?? false;
    const verdict = originVerdict({ headers: c.req.raw.headers, viaTrusted, rules });
    const allowed = origin !== undefined && verdict === "allowed";
    if (origin !== undefined && verdict === "foreign") onForeign(origin);
    // A browser names no Origin where a page only loads something, such as a picture, but says where it comes from.
    const loadedElsewhere = verdict === "absent" && c.req.header("Sec-Fetch-Site") === "cross-site";
    c.set("fromForeignPage", verdict === "foreign" || loadedElsewhere);
    const preflight = c.req.method === "OPTIONS" && c.req.header("Access-Control-Request-Method") !== undefined;

    if (preflight) {
      c.res = allowed
        ? new Response(null, { status: 204, headers: byProxy ? {} : PREFLIGHT })
        : problemResponse(new ProblemError("origin_forbidden"));
    } else {
      await next();
    }
    if (byProxy) return;
    const { headers } = c.res;
    headers.append("Vary", "Origin");
    if (allowed) {
      headers.set("Access-Control-Allow-Origin", origin);
      headers.set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id");
    }
  };
}
