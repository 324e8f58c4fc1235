import { type ClientAddress, parseIp } from "./client-ip.ts";

/**
 * What a proxy's `X-Real-IP` shows about its `X-Forwarded-For`, which takes precedence: a proxy that sets only the former passes on the
 * latter as the client wrote it, and so lets clients choose their address. Undefined if both agree or there is none.
 */
export function realIpWarning({ viaTrusted }: ClientAddress, headers: Headers): string | undefined {
  const realIp = canonical(headers.get("x-real-ip")?.split(",").at(-1));
  if (!viaTrusted || realIp === undefined) return undefined;
  const forwarded =
    headers
      .get("x-forwarded-for")
      ?.split(",")
      .filter((entry) => entry.trim() !== "") ?? [];
  if (forwarded.length === 0) {
    return `A proxy names the client only in X-Real-IP. A client that sends X-Forwarded-For can choose its address, because that header takes precedence: ${REMEDY}`;
  }
  if (forwarded.some((entry) => canonical(entry) === realIp)) return undefined;
  return `X-Real-IP says ${realIp}, which X-Forwarded-For does not name. X-Forwarded-For counts, so clients can choose their address if the proxy does not set it: ${REMEDY}`;
}

const REMEDY =
  "let the proxy set X-Forwarded-For. In nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";

function canonical(entry: string | undefined): string | undefined {
  const text = entry?.trim() ?? "";
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? [];
  return parseIp(bracketed ?? text.replace(/^([\d.]+):\d{1,5}$/, "$1"))?.toString();
}
