import { ProblemError } from "../lib/problem.ts";
import { type AddressRange, overlap, parseAddress, parseRange } from "./address-range.ts";

/** The widest ranges that one ban may cover. Even the largest number of bans covers only a part of all addresses, so no token can keep everybody out. */
const WIDEST_BITS = { 4: 16, 6: 32 } as const;

/** This machine's own, whatever TRUSTED_PROXIES says. */
const LOOPBACK = ["127.0.0.0/8", "::1/128", "0.0.0.0/32", "::/128"];

/**
 * Pure: the range that an administrator wants to ban.
 * @param protectedRanges the trusted proxies
 * @throws ProblemError `invalid`, `range_too_wide`, `address_protected`
 */
export function checkBannable(
  text: string,
  { proxies, ownIp }: { readonly proxies: readonly string[]; readonly ownIp: string },
): AddressRange {
  const range = readRange(text);
  const isProtected = [...LOOPBACK, ...proxies].some((one) => {
    const other = parseRange(one);
    return other !== undefined && overlap(range, other);
  });
  if (isProtected)
    throw new ProblemError("address_protected", "This machine's own addresses and trusted proxies cannot be banned");
  const own = parseAddress(ownIp);
  if (own && overlap(range, own)) throw new ProblemError("address_protected", "You cannot ban your own address");
  const widest = WIDEST_BITS[range.family];
  if (range.bits < widest) {
    throw new ProblemError("range_too_wide", `A ban of IPv${range.family} addresses covers at most a /${widest}`);
  }
  return range;
}

/** @throws ProblemError `invalid` */
export function readRange(text: string): AddressRange {
  const range = parseRange(text);
  if (range) return range;
  const message = "must be an address or a range of addresses, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32";
  throw new ProblemError("invalid", `cidr: ${message}`, { extra: { errors: [{ path: "cidr", message }] } });
}
