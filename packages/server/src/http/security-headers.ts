import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";

/** What an answer may do in a browser: nothing, unless its route says otherwise by setting the header itself. */
const DEFAULTS: ReadonlyArray<readonly [string, string]> = [
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
  ["Referrer-Policy", "no-referrer"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  // Replies are about one person at one moment; files that may be kept say so themselves.
  ["Cache-Control", "no-store"],
];

export const securityHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  const { headers } = c.res;
  for (const [name, value] of DEFAULTS) {
    if (!headers.has(name)) headers.set(name, value);
  }
};
