import ipaddr from "ipaddr.js";
import { memoized } from "../lib/memoized.ts";

/**
 * Finds out who a request really comes from. `X-Forwarded-For` (all its header lines joined), or `X-Real-IP` if there is none, counts only
 * when the peer is a trusted proxy: anybody can send the header, and if it is believed wrongly, its sender chooses whose limits and bans
 * apply to them.
 */
export interface ClientAddress {
  /** Canonical: IPv4 dotted, IPv4-mapped as IPv4, IPv6 as in RFC 5952, without brackets, port and zone. */
  readonly clientIp: string;
  /** The other end of the TCP connection, canonical; "unknown" when the runtime cannot tell (the socket is gone). */
  readonly peerIp: string;
  /** The header as it came, trusted or not; null when there is none. Never log it unshortened: its sender chooses it. */
  readonly forwarded: string | null;
  /** The peer is a trusted proxy, so its other X-Forwarded-… headers count as well. */
  readonly viaTrusted: boolean;
  /** The peer sends the header but is not trusted: a proxy that is missing from TRUSTED_PROXIES, or a forger. */
  readonly untrustedForwarder: boolean;
  /** Why the walk through the header stopped where it did, for the doctor. */
  readonly end: "none" | "client" | "all-trusted" | "unreadable";
}

/** Whether an address is in the list. */
export type TrustedProxies = (address: IpAddress) => boolean;
export type IpAddress = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * How much of a header is read, counted from its right end, where the nearest proxies write. Real chains have a handful
 * of entries; without bounds a header of nothing but trusted addresses would cost milliseconds per request.
 */
const MAX_READ_CHARACTERS = 4096;
const MAX_READ_ENTRIES = 64;
/** No address is longer, with its brackets, its zone and its port. */
const MAX_ENTRY_CHARACTERS = 64;

/**
 * Made once at the start from CIDRs or single addresses; throws on any other text. Networks of IPv4-mapped addresses
 * count as the IPv4 networks that they stand for, since peers are compared in canonical form.
 */
export function trustedProxies(cidrs: readonly string[]): TrustedProxies {
  const v4: [ipaddr.IPv4, number][] = [];
  const v6: [ipaddr.IPv6, number][] = [];
  for (const cidr of cidrs) {
    const [base, bits] = cidr.includes("/") ? ipaddr.parseCIDR(cidr) : ([ipaddr.parse(cidr), undefined] as const);
    if (base.kind() === "ipv4") v4.push([base as ipaddr.IPv4, bits ?? 32]);
    else if ((base as ipaddr.IPv6).isIPv4MappedAddress() && (bits ?? 128) >= 96) {
      v4.push([(base as ipaddr.IPv6).toIPv4Address(), (bits ?? 128) - 96]);
    } else v6.push([base as ipaddr.IPv6, bits ?? 128]);
  }
  return (address) =>
    address.kind() === "ipv4"
      ? v4.some((network) => (address as ipaddr.IPv4).match(network))
      : v6.some((network) => (address as ipaddr.IPv6).match(network));
}

/** What TRUSTED_PROXIES is when it is not set. */
export const LOOPBACK_PROXIES: readonly string[] = ["127.0.0.0/8", "::1/128"];

/** Pure and cheap (a few microseconds); called once per HTTP request and once per handshake, before the upgrade. */
export function clientAddress({
  peer,
  headers,
  trusted,
}: {
  /** As Bun's `requestIP` gives it; null when the connection is gone. */
  readonly peer: string | null | undefined;
  readonly headers: Headers;
  readonly trusted: TrustedProxies;
}): ClientAddress {
  const { address: peerAddress, text: peerIp } = peer ? peerOf(peer) : UNKNOWN_PEER;
  const forwarded = forwardedHeader(headers);
  const viaTrusted = peerAddress !== undefined && trusted(peerAddress);
  const found = forwarded !== null && viaTrusted ? walk(forwarded, trusted) : NOT_FORWARDED;
  return {
    clientIp: found.last?.toString() ?? peerIp,
    peerIp,
    forwarded,
    viaTrusted,
    untrustedForwarder: forwarded !== null && !viaTrusted,
    end: found.end,
  };
}

interface Peer {
  readonly address: IpAddress | undefined;
  readonly text: string;
}

const UNKNOWN_PEER: Peer = { address: undefined, text: "unknown" };
/** Peers whose address is remembered: behind a proxy there is only one, and a client that keeps its connection sends more requests. */
const PEERS_KNOWN = 4096;

const peerOf = memoized((peer: string): Peer => {
  const address = parseIp(peer);
  return address ? { address, text: address.toString() } : UNKNOWN_PEER;
}, PEERS_KNOWN);

interface Walk {
  readonly last: IpAddress | undefined;
  readonly end: ClientAddress["end"];
}

const NOT_FORWARDED: Walk = { last: undefined, end: "none" };

/** A header of nothing but spaces and commas names nobody, so it counts as absent. */
function forwardedHeader(headers: Headers): string | null {
  const some = (value: string | null) => (value !== null && /[^\s,]/.test(value) ? value : null);
  return some(headers.get("x-forwarded-for")) ?? some(headers.get("x-real-ip"));
}

/** From the right, where the nearest proxy wrote: everything left of an untrusted address is only that one's claim. */
function walk(header: string, trusted: TrustedProxies): Walk {
  const entries = header.slice(-MAX_READ_CHARACTERS).split(",");
  // The first entry of a shortened header may be the rest of a longer one, and would then read as another address.
  if (header.length > MAX_READ_CHARACTERS) entries[0] = "shortened";
  let last: IpAddress | undefined;
  let read = 0;
  for (const entry of entries.reverse()) {
    const text = entry.trim();
    if (text === "") continue;
    const isLong = text.length > MAX_ENTRY_CHARACTERS;
    const address = read++ < MAX_READ_ENTRIES && !isLong ? readEntry(text) : undefined;
    if (address === undefined) return { last, end: "unreadable" };
    last = address;
    if (!trusted(address)) return { last, end: "client" };
  }
  return { last, end: "all-trusted" };
}

/** `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:567`; undefined for `unknown`, `_hidden` and garbage. */
function readEntry(text: string): IpAddress | undefined {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text);
  // Brackets are for IPv6 alone.
  if (bracketed) return bracketed[1]?.includes(":") ? parseIp(bracketed[1]) : undefined;
  const withPort = /^([\d.]+):\d{1,5}$/.exec(text);
  return parseIp(withPort?.[1] ?? text);
}

/**
 * Reads one address, IPv4-mapped ones as IPv4; undefined for anything else. Strict on purpose: `1`, `10.1`, `010.0.0.1` and
 * `0x7f.0.0.1` are addresses to some parsers (and not the same ones), so here they are refused. A zone (`fe80::1%eth0`) says
 * through which interface a packet came and is left out.
 */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(":")) return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : undefined;
  const bare = text.replace(/%[\w.%-]+$/, "");
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  const groups = dotted ? dotted[1] + asGroups(dotted[2] ?? "") : bare;
  // Anything with a dot left would be read by the parser's own, laxer rules for embedded IPv4 addresses.
  if (!/^[\da-f:]+$/i.test(groups) || !ipaddr.IPv6.isValid(groups)) return undefined;
  return ipaddr.process(groups);
}

/** The last 32 bits of an IPv6 address that are written as an IPv4 address, as two groups; empty when they are not an address. */
function asGroups(dotted: string): string {
  if (!ipaddr.IPv4.isValidFourPartDecimal(dotted)) return "not an address";
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(dotted).octets;
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
