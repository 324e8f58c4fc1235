import { expect, test } from "bun:test";
import { isOriginAllowed } from "./origin.ts";

const rules = { allowedOrigins: ["https://app.example.com"], publicUrl: "https://chat.example.com" };

test.each([
  ["https://app.example.com", "10.0.0.1:8080", true],
  ["https://chat.example.com", "10.0.0.1:8080", true],
  ["http://localhost:8080", "localhost:8080", true],
  ["http://example.org", "example.org", true],
  ["http://example.org", "example.org:80", true],
  ["https://example.org", "example.org:443", true],
  ["https://example.org", "EXAMPLE.org", true],
  ["https://example.org", "example.org:8080", false],
  ["http://[::1]:8080", "[::1]:8080", true],
  ["https://app.example.com.evil.test", "chat.example.com", false],
  ["https://app.example.com:444", "chat.example.com", false],
  ["http://app.example.com", "chat.example.com", false],
  ["null", "localhost:8080", false],
  ["file://", "localhost:8080", false],
  ["", "localhost:8080", false],
  ["http://evil.test", undefined, false],
  ["http://evil.test", "", false],
])("origin %s at host %s: %p", (origin, host, expected) => {
  expect(isOriginAllowed(origin, host, rules)).toBe(expected);
});
