import type { Config } from "../config/config.ts";
import { isOriginAllowed, type OriginRules } from "../lib/origin.ts";

export interface HandshakeOriginRules extends OriginRules {
  /** The ports this server listens on. With WS_PORT set, its own pages come from another port than the handshake goes to. */
  readonly ownPorts: readonly number[];
}

export function originRules({ allowedOrigins, publicUrl, port, wsPort }: Config["listen"]): HandshakeOriginRules {
  return { allowedOrigins, publicUrl, ownPorts: wsPort === undefined ? [port] : [port, wsPort] };
}

/** `absent` is fine for a handshake (programs send none), but not for one that a cookie authenticates. */
export type OriginVerdict = "absent" | "allowed" | "foreign";

/**
 * Whether the page that asks may. Needed because a browser opens WebSockets to any host, with that host's cookies, and only
 * names the page's Origin. Schemes are not compared with our own, since TLS may end before us. X-Forwarded-Host counts
 * when the peer is a trusted proxy; a page cannot set it, so it opens nothing to foreign pages.
 */
export function originVerdict({
  headers,
  viaTrusted,
  rules,
}: {
  readonly headers: Headers;
  readonly viaTrusted: boolean;
  readonly rules: HandshakeOriginRules;
}): OriginVerdict {
  const origin = headers.get("origin");
  if (origin === null) return "absent";
  // Sandboxed pages and local files all send "null": it says nothing about who wrote the page.
  if (origin === "null") return "foreign";
  const host = headers.get("host");
  const forwarded = viaTrusted ? (headers.get("x-forwarded-host")?.split(",", 8) ?? []) : [];
  const hosts = [host, ...forwarded.map((one) => one.trim())];
  const own = hosts.some((one) => isOriginAllowed(origin, one, rules)) || isOwnOtherPort(origin, host, rules.ownPorts);
  return own ? "allowed" : "foreign";
}

function isOwnOtherPort(origin: string, host: string | null, ownPorts: readonly number[]): boolean {
  if (!host || !/^(?:http|ws)s?:/.test(origin) || !URL.canParse(origin) || !URL.canParse(`http://${host}`))
    return false;
  const page = new URL(origin);
  const own = new URL(`${page.protocol}//${host}`);
  return page.hostname === own.hostname && ownPorts.includes(portOf(page)) && ownPorts.includes(portOf(own));
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" || url.protocol === "wss:" ? 443 : 80;
}
