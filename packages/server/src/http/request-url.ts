import { memoized } from "../lib/memoized.ts";

/** `example.com`, `10.0.0.1:8080`, `[::1]:8080`; one host only, so two Host lines (joined by a comma) are refused. */
const HOST = /^(\[[\da-f:.]+\]|[a-z\d._-]+)(:\d{1,5})?$/i;

/**
 * The request's address. Call this instead of `new URL(request.url)` before routing: Bun passes a bare path if the Host header is unusable,
 * and the constructor then throws. HTTP/1.0 probes without a Host get `http://localhost`; undefined means that Host is malformed or appears
 * twice, which is a 400.
 */
export function requestUrl(request: Request): URL | undefined {
  const host = request.headers.get("host");
  if (host && !HOST.test(host)) return undefined;
  const url = request.url.startsWith("/") ? `http://localhost${request.url}` : request.url;
  return /^https?:/.test(url) ? (URL.parse(url) ?? undefined) : undefined;
}

export interface PublicAddress {
  readonly scheme: "http" | "https";
  /** Lower case, with the port unless it is the scheme's default. */
  readonly host: string;
}

/** Clients use few names, and each request names one. */
const NAMES_KNOWN = 1000;

/** The host of an address as a URL writes it; undefined for a malformed one. */
const normalHost = memoized((address: string): string | undefined => URL.parse(address)?.host, NAMES_KNOWN);

/**
 * The address under which the client sees this server. X-Forwarded-Proto and X-Forwarded-Host count when the peer is a
 * trusted proxy (see client-ip.ts); otherwise, and where they are malformed, the connection's scheme and the Host header.
 */
export function publicAddress(url: URL, headers: Headers, viaTrusted: boolean): PublicAddress {
  const forwarded = (name: string) => (viaTrusted ? headers.get(name)?.split(",")[0]?.trim().toLowerCase() : undefined);
  // Some proxies write ws and wss for handshakes.
  const proto = forwarded("x-forwarded-proto")?.replace(/^ws/, "http");
  const scheme = proto === "http" || proto === "https" ? proto : url.protocol === "https:" ? "https" : "http";
  const host = forwarded("x-forwarded-host") ?? headers.get("host") ?? url.host;
  return { scheme, host: normalHost(`${scheme}://${HOST.test(host) ? host : url.host}`) ?? url.host };
}
