import { describe, expect, test } from "bun:test";
import { overlap, parseAddress, parseRange, rangeText } from "./address-range.ts";

const canonical = (text: string) => {
  const range = parseRange(text);
  return range && rangeText(range);
};

test.each([
  ["203.0.113.7", "203.0.113.7/32"],
  ["203.0.113.7/32", "203.0.113.7/32"],
  ["203.0.113.7/24", "203.0.113.0/24"],
  ["255.255.255.255/1", "128.0.0.0/1"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["::ffff:203.0.113.7", "203.0.113.7/32"],
  ["::ffff:203.0.113.7/120", "203.0.113.0/24"],
  ["::FFFF:cb00:7107/96", "0.0.0.0/0"],
  ["2001:DB8:0:0::1", "2001:db8::1/128"],
  ["2001:db8:1234:5678::1/48", "2001:db8:1234::/48"],
  ["2001:db8::/33", "2001:db8::/33"],
  ["::/0", "::/0"],
])("BAN-9: %s is the range %s", (text, range) => {
  expect(canonical(text)).toBe(range);
  expect(canonical(range)).toBe(range);
});

test.each([
  "",
  "/",
  "/24",
  "203.0.113.7/",
  "203.0.113.7/33",
  "203.0.113.7/-1",
  "203.0.113.7/24/24",
  "203.0.113",
  "010.0.0.1",
  "0x7f.0.0.1",
  "2001:db8::/129",
  "::ffff:203.0.113.7/95",
  "2001:db8::1::2",
  "203.0.113.7 ",
  "203.0.113.7%2F24",
  "localhost",
  "x".repeat(100),
])("BAN-9: %j is no range", (text) => {
  expect(parseRange(text)).toBeUndefined();
});

describe("BAN-9: ranges that have addresses in common", () => {
  test.each([
    ["203.0.113.0/24", "203.0.113.7", true],
    ["203.0.113.7", "203.0.113.0/24", true],
    ["203.0.112.0/23", "203.0.113.255/32", true],
    ["203.0.113.0/25", "203.0.113.128/25", false],
    ["0.0.0.0/0", "255.0.0.1", true],
    ["0.0.0.0/0", "::/0", false],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
  ])("%s and %s: %j", (one, other, expected) => {
    const [a, b] = [parseRange(one), parseRange(other)];
    if (!a || !b) throw new Error("no range");
    expect([overlap(a, b), overlap(b, a)]).toEqual([expected, expected]);
  });
});

test("BAN-9: a client's address is one address, and other texts are not addresses", () => {
  expect(parseAddress("203.0.113.7")).toEqual(parseRange("203.0.113.7/32"));
  expect(parseAddress("2001:db8::1")).toEqual(parseRange("2001:db8::1/128"));
  expect(parseAddress("unknown")).toBeUndefined();
});
