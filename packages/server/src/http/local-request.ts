import { isLoopback } from "../lib/ip-range.ts";

/** Headers by which a proxy gives itself away, the most telling first. */
export const PROXY_SIGNS = [
  "via",
  "forwarded",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-client-ip",
  "cf-connecting-ip",
  "true-client-ip",
] as const;

/** Which of those a request has. */
export function proxySign(headers: Headers): string | undefined {
  return PROXY_SIGNS.find((name) => headers.has(name));
}

/**
 * Whether a request comes from this machine itself. A proxy on the same machine makes strangers look local, but it usually gives itself away by a header.
 */
export function isFromThisMachine(clientIp: string, headers: Headers): boolean {
  if (!isLoopback(clientIp)) return false;
  return proxySign(headers) === undefined && !headers.has("x-forwarded-for") && !headers.has("x-real-ip");
}
