import type { MiddlewareHandler } from "hono";
import { isLoopbackName } from "../lib/ip-range.ts";
import type { OriginRules } from "../lib/origin.ts";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import { type PublicAddress, publicAddress } from "./request-url.ts";

/** Asked by probes and scrapers, which name a machine's address. */
const ANY_HOST = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Where PUBLIC_URL says how this server is called, another name is refused: a page whose name was made to lead here (DNS rebinding) would
 * count as our own. Ports are not compared, since it is the name that a browser holds pages apart by.
 * @returns a function that throws ProblemError `host_unknown`
 */
export function hostCheck({ publicUrl, allowedOrigins }: OriginRules): (seen: PublicAddress, path: string) => void {
  if (publicUrl === undefined) return () => {};
  const known = new Set([publicUrl, ...allowedOrigins].map((origin) => new URL(origin).hostname));
  return ({ host }, path) => {
    const { hostname } = new URL(`http://${host}`);
    if (known.has(hostname) || isLoopbackName(hostname) || ANY_HOST.has(path)) return;
    const message = `This server is called ${[...known].join(" or ")}; a proxy in front has to pass the Host header on, or to send X-Forwarded-Host`;
    throw new ProblemError("host_unknown", message);
  };
}

export function knownHost(rules: OriginRules): MiddlewareHandler<AppEnv> {
  const check = hostCheck(rules);
  return async (c, next) => {
    const { headers, url } = c.req.raw;
    check(publicAddress(new URL(url), headers, c.env.address?.viaTrusted ?? false), c.req.path);
    await next();
  };
}
