import { expect, test } from "bun:test";
import { ProblemError } from "../lib/problem.ts";
import { rangeText } from "./address-range.ts";
import { checkBannable } from "./bannable.ts";

const AT = { proxies: ["10.1.0.0/16", "2001:db8:99::/48", "::ffff:192.0.2.1"], ownIp: "198.51.100.7" };

function verdict(cidr: string, at = AT): string {
  try {
    return rangeText(checkBannable(cidr, at));
  } catch (error) {
    if (error instanceof ProblemError) return error.code;
    throw error;
  }
}

test.each([
  ["203.0.113.7", "203.0.113.7/32"],
  ["203.0.0.0/16", "203.0.0.0/16"],
  ["2001:db8::/32", "address_protected"],
  ["2001:db9::/32", "2001:db9::/32"],
  ["not an address", "invalid"],
  // This machine, even if the operator trusts no proxy on it.
  ["127.0.0.1", "address_protected"],
  ["127.200.0.0/16", "address_protected"],
  ["::1", "address_protected"],
  ["::ffff:127.0.0.1", "address_protected"],
  ["0.0.0.0/0", "address_protected"],
  ["::/0", "address_protected"],
  // Trusted proxies: one of them, a range around them, and one within theirs.
  ["10.1.2.3", "address_protected"],
  ["10.1.0.0/16", "address_protected"],
  ["192.0.2.0/24", "address_protected"],
  ["2001:db8:99:1::/64", "address_protected"],
  // From where the administrator asks.
  ["198.51.100.0/24", "address_protected"],
  ["198.51.101.0/24", "198.51.101.0/24"],
  // Wide ones.
  ["203.0.0.0/15", "range_too_wide"],
  ["2001:da0::/31", "range_too_wide"],
])("BAN-9: a ban of %s: %s", (cidr, expected) => {
  expect(verdict(cidr)).toBe(expected);
});

test("BAN-9: an administrator on this machine has no address that could be banned", () => {
  expect(verdict("203.0.113.7", { ...AT, ownIp: "::1" })).toBe("203.0.113.7/32");
});
