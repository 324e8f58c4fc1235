import { type ClientAddress, parseIp } from "./client-ip.ts";

/**
 * What a proxy's `X-Real-IP` shows about its `X-Forwarded-For`, which counts more: a proxy that sets only the former hands on the latter as
 * the client wrote it, and so lets clients choose their address. Undefined where both agree or there is none.
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
    return `A proxy names the client in X-Real-IP alone. A client that sends X-Forwarded-For chooses its address, since that header counts more: ${REMEDY}`;
  }
  if (forwarded.some((entry) => canonical(entry) === realIp)) return undefined;
  return `X-Real-IP says ${realIp}, which X-Forwarded-For does not name. The latter counts, so a client may choose its address if the proxy does not set it: ${REMEDY}`;
}

const REMEDY =
  "let the proxy set X-Forwarded-For. In nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";

function canonical(entry: string | undefined): string | undefined {
  const text = entry?.trim() ?? "";
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? [];
  return parseIp(bracketed ?? text.replace(/^([\d.]+):\d{1,5}$/, "$1"))?.toString();
}
