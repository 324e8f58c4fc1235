import ipaddr from "ipaddr.js";
import { parseIp } from "../http/client-ip.ts";

/** Addresses with the same first bits. IPv4-mapped addresses count as IPv4, as clients' addresses do. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly bits: number;
  /** The address as a number, and the same without the bits that tell the addresses of the range apart. */
  readonly prefix: bigint;
}

const WIDTH = { 4: 32, 6: 128 } as const;

/** `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/32`; bits behind the prefix are ignored. Undefined for anything else. */
export function parseRange(text: string): AddressRange | undefined {
  const [, base = "", bits] = /^([^/]{2,64})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseIp(base);
  if (!address) return undefined;
  const isMapped = address.kind() === "ipv4" && base.includes(":");
  const family = address.kind() === "ipv4" ? 4 : 6;
  const given = bits === undefined ? WIDTH[family] : Number(bits) - (isMapped ? 96 : 0);
  if (given < 0 || given > WIDTH[family]) return undefined;
  return rangeOf(address.toByteArray(), family, given);
}

/** The one address of a client, as `clientAddress` writes it; undefined for any other text. */
export function parseAddress(ip: string): AddressRange | undefined {
  const address = parseIp(ip);
  const family = address?.kind() === "ipv4" ? 4 : 6;
  return address && rangeOf(address.toByteArray(), family, WIDTH[family]);
}

function rangeOf(bytes: readonly number[], family: 4 | 6, bits: number): AddressRange {
  const number = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family, bits, prefix: prefixOf(number, family, bits) };
}

function prefixOf(number: bigint, family: 4 | 6, bits: number): bigint {
  const rest = BigInt(WIDTH[family] - bits);
  return (number >> rest) << rest;
}

/** The range of that many bits around this one. */
export function widened({ family, prefix }: AddressRange, bits: number): AddressRange {
  return { family, bits, prefix: prefixOf(prefix, family, bits) };
}

/** In canonical form: one text for each range. */
export function rangeText({ family, bits, prefix }: AddressRange): string {
  const bytes = Array.from({ length: WIDTH[family] / 8 }, (_, index) => {
    return Number((prefix >> BigInt(WIDTH[family] - 8 * (index + 1))) & 255n);
  });
  return `${ipaddr.fromByteArray(bytes).toString()}/${bits}`;
}

/** Whether they have addresses in common: then one holds the other. */
export function overlap(one: AddressRange, other: AddressRange): boolean {
  const bits = Math.min(one.bits, other.bits);
  return one.family === other.family && widened(one, bits).prefix === widened(other, bits).prefix;
}
