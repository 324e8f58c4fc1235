import { expect, test } from "bun:test";
import { ipLimitKey, ipNetworkKey, isLoopback, isLoopbackName } from "./ip-range.ts";

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:0DB8::1", "2001:db8:0:0::/64"],
  ["2001:db8:ffff:a::1", "2001:db8:ffff:a::/64"],
  ["::ffff:7:203.0.113.7", "0:0:0:0::/64"],
  ["not an address", "not an address"],
  ["", ""],
])("%s counts as %s", (ip, key) => expect(ipLimitKey(ip)).toBe(key));

test.each([
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
  ["2001:db8:1:ffff::1", "2001:db8:1::/48"],
  ["2001:db8:2::1", "2001:db8:2::/48"],
  ["203.0.113.7", undefined],
  ["::ffff:203.0.113.7", undefined],
  ["not an address", undefined],
])("%s is in the network %p", (ip, key) => expect(ipNetworkKey(ip)).toBe(key));

test.each([
  ["127.0.0.1", true],
  ["127.8.8.8", true],
  ["127.255.255.255", true],
  ["128.0.0.1", false],
  ["126.255.255.255", false],
  ["::2", false],
  ["localhost", false],
  ["169.254.0.1", false],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["10.0.0.1", false],
  ["::", false],
  ["", false],
])("loopback: %s is %p", (ip, expected) => expect(isLoopback(ip)).toBe(expected));

test.each([
  ["localhost", true],
  ["chat.localhost", true],
  ["127.0.0.1", true],
  ["[::1]", true],
  ["notlocalhost", false],
  ["localhost.example.com", false],
  ["10.0.0.1", false],
  ["[::2]", false],
])("%s means this machine: %p", (hostname, expected) => expect(isLoopbackName(hostname)).toBe(expected));
