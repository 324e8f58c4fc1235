import ipaddr from "ipaddr.js";
import { memoized } from "./memoized.ts";

/** Addresses that come again, as those of one proxy or one office do. */
const ADDRESSES_KNOWN = 4096;

/**
 * The unit that IP limits count by: an IPv4 address as it is, an IPv6 address as its /64, since one customer usually has a
 * whole /64. IPv4-mapped addresses count as IPv4. Other text is returned unchanged.
 */
export const ipLimitKey = memoized((ip: string): string => {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  return address.kind() === "ipv4" ? address.toString() : prefixOf(address as ipaddr.IPv6, 64);
}, ADDRESSES_KNOWN);

/** The /48 of an IPv6 address, because one customer may have a whole /48; undefined for every other address. */
export const ipNetworkKey = memoized((ip: string): string | undefined => {
  if (!ipaddr.isValid(ip)) return undefined;
  const address = ipaddr.process(ip);
  return address.kind() === "ipv4" ? undefined : prefixOf(address as ipaddr.IPv6, 48);
}, ADDRESSES_KNOWN);

function prefixOf({ parts }: ipaddr.IPv6, bits: 48 | 64): string {
  const shown = parts.slice(0, bits / 16).map((part) => part.toString(16));
  return `${shown.join(":")}::/${bits}`;
}

export function isLoopback(ip: string): boolean {
  return ipaddr.isValid(ip) && ipaddr.process(ip).range() === "loopback";
}

/** A host as a URL writes it, that means the machine itself. */
export function isLoopbackName(hostname: string): boolean {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return bare === "localhost" || bare.endsWith(".localhost") || isLoopback(bare);
}
