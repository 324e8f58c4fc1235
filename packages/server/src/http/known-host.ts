import type { MiddlewareHandler } from "hono";
import { isLoopbackName } from "../lib/ip-range.ts";
import type { OriginRules } from "../lib/origin.ts";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import { parseIp } from "./client-ip.ts";
import { type PublicAddress, publicAddress } from "./request-url.ts";

/** Asked by probes and scrapers, which name a machine's address. */
const ANY_HOST = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Whether no page of the internet can have this name: an address, a name without a dot, or loopback. What a proxy calls the server
 * in its own network is mostly one of these.
 */
export function isNoDomain(hostname: string): boolean {
  return !hostname.includes(".") || isLoopbackName(hostname) || parseIp(hostname) !== undefined;
}

/**
 * Where PUBLIC_URL says how this server is called, another name is refused: a page whose name was made to lead here (DNS rebinding) would
 * count as our own. Ports are not compared, since it is the name that a browser holds pages apart by. Such a page may send any header
 * but `Host`, so a proxy's `X-Forwarded-Host` counts only where `Host` itself is known or no page could have it.
 * @returns a function that throws ProblemError `host_unknown`; `url` has the name of the Host header
 */
export function hostCheck({
  publicUrl,
  allowedOrigins,
}: OriginRules): (seen: PublicAddress, url: Pick<URL, "hostname">) => void {
  if (publicUrl === undefined) return () => {};
  // An app's own scheme says nothing of a name that people could reach this server by.
  const ofWeb = allowedOrigins.filter((origin) => /^https?:/.test(origin));
  const names = new Set([publicUrl, ...ofWeb].map((origin) => new URL(origin).hostname));
  const isKnown = (hostname: string) => names.has(hostname) || isLoopbackName(hostname);
  return ({ host }, { hostname: own }) => {
    const { hostname } = new URL(`http://${host}`);
    if (isKnown(hostname) && (hostname === own || isKnown(own) || isNoDomain(own))) return;
    const message = `This server is called ${[...names].join(" or ")}; a proxy in front has to forward the Host header, or to send X-Forwarded-Host with a Host that is an address or has no dot`;
    throw new ProblemError("host_unknown", message);
  };
}

export function knownHost(rules: OriginRules): MiddlewareHandler<AppEnv> {
  const check = hostCheck(rules);
  return async (c, next) => {
    const url = new URL(c.req.raw.url);
    if (ANY_HOST.has(url.pathname)) return next();
    check(publicAddress(url, c.req.raw.headers, c.env.address?.viaTrusted ?? false), url);
    await next();
  };
}
