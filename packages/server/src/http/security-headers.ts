import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";

/** What a reply may do in a browser: nothing, unless its route sets the header itself. */
const DEFAULTS: ReadonlyArray<readonly [string, string]> = [
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
  ["Referrer-Policy", "no-referrer"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  // Replies are about one person at one moment; files that may be kept say so themselves.
  ["Cache-Control", "no-store"],
];

/** Half a year: browsers that have seen it use only https. */
const STRICT_TRANSPORT: readonly [string, string] = ["Strict-Transport-Security", "max-age=15552000"];
const WITH_TLS = [...DEFAULTS, STRICT_TRANSPORT];

/** Sets those that a reply does not have yet. @param options.tls this server speaks TLS itself; behind a proxy that does, the header is the proxy's */
export function setSecurityHeaders({ headers }: Response, { tls }: { tls: boolean }): void {
  for (const [name, value] of tls ? WITH_TLS : DEFAULTS) {
    if (!headers.has(name)) headers.set(name, value);
  }
}

/** The same for every answer of the app. */
export function securityHeaders(options: { tls: boolean }): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    setSecurityHeaders(c.res, options);
  };
}
