import { type ClientAddress, parseIp } from "./client-ip.ts";
import { untrustedForwarderText, withProxy } from "./forwarder-warning.ts";
import { proxySign } from "./local-request.ts";
import { realIpWarning } from "./real-ip-warning.ts";
import type { PublicAddress } from "./request-url.ts";

export interface ExaminedRequest {
  readonly address: ClientAddress;
  readonly headers: Headers;
  readonly seen: PublicAddress;
  /** TRUSTED_PROXIES as it is. */
  readonly proxies: readonly string[];
  readonly publicUrl: string | undefined;
  /** Whether the requester may see the proxy list. */
  readonly showList: boolean;
}

/** What the way of one request shows about the proxies in front of us, as sentences with a remedy; empty if all is well. */
export function doctorWarnings(examined: ExaminedRequest): string[] {
  const realIp = realIpWarning(examined.address, examined.headers);
  return [addressWarning(examined), realIp, publicUrlWarning(examined)].filter((text) => text !== undefined);
}

function addressWarning({ address, headers, proxies, showList }: ExaminedRequest): string | undefined {
  const { clientIp, peerIp, forwarded, untrustedForwarder, end } = address;
  if (untrustedForwarder) return untrustedForwarderText({ peerIp, proxies, showList });
  if (end === "unreadable") {
    return `X-Forwarded-For has an entry that is not an IP address, so ${clientIp}, the last good one, counts as the client`;
  }
  if (end === "all-trusted") {
    return `Every address in X-Forwarded-For is in TRUSTED_PROXIES, so the leftmost one, ${clientIp}, counts as the client. If people come from that network, list only the proxies' own addresses`;
  }
  if (end === "client" && isPrivate(clientIp)) {
    return `The client's address ${clientIp} is a private one. If it is a proxy of yours and not a person's device, set ${withProxy({ peerIp: clientIp, proxies, showList })}`;
  }
  if (forwarded !== null) return undefined;
  const sign = proxySign(headers);
  if (sign !== undefined) {
    return `A proxy is in between (it sends ${sign}) but sends no X-Forwarded-For, so everybody behind it has the address ${peerIp}. In nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`;
  }
  if (isPrivate(peerIp)) {
    return `The peer ${peerIp} has a private address and sends no X-Forwarded-For. In a local network that is right; if it is a proxy or a container's gateway, everybody behind it has this address until it sends the header`;
  }
  return undefined;
}

function publicUrlWarning({ address, seen, publicUrl }: ExaminedRequest): string | undefined {
  const came = `${seen.scheme}://${seen.host}`;
  if (publicUrl === undefined || new URL(publicUrl).origin === came) return undefined;
  const proto =
    address.viaTrusted && new URL(publicUrl).origin === `https://${seen.host}`
      ? ". If TLS ends at a proxy, let it send X-Forwarded-Proto"
      : "";
  return `This request came to ${came}, but PUBLIC_URL is ${publicUrl}: QR codes and links lead there${proto}`;
}

const PRIVATE_RANGES = new Set(["private", "uniqueLocal", "linkLocal", "carrierGradeNat"]);

function isPrivate(ip: string): boolean {
  return PRIVATE_RANGES.has(parseIp(ip)?.range() ?? "");
}
