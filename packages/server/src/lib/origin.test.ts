import { expect, test } from "bun:test";
import { isOriginAllowed } from "./origin.ts";

const rules = {
  allowedOrigins: ["https://app.example.com", "capacitor://localhost"],
  publicUrl: "https://chat.example.com",
};

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
  ["https://chat.example.com.evil.test", "10.0.0.1:8080", false],
  ["http://example.org:80", "example.org", true],
  ["http://example.org", "example.org:443", false],
  ["http://example.org.evil.test", "example.org", false],
  ["http://evil.test", "example.org", false],
  ["null", "localhost:8080", false],
  ["null", "null", false],
  ["ws://localhost:8080", "localhost:8080", true],
  ["wss://localhost:8080", "localhost:8080", true],
  ["ws://example.org", "example.org:80", true],
  ["wss://example.org", "example.org:443", true],
  ["wss://example.org", "example.org:80", false],
  ["ws://localhost:8080.evil.test", "localhost:8080", false],
  ["ws://evil.test", "localhost:8080", false],
  ["wsx://localhost:8080", "localhost:8080", false],
  ["capacitor://localhost", "localhost:8080", true],
  ["capacitor://localhost", "localhost", true],
  ["tauri://localhost", "localhost", false],
  ["capacitor://localhost:1", "localhost", false],
  ["CAPACITOR://localhost", "localhost", false],
  ["xhttp://localhost:8080", "localhost:8080", false],
  ["http://", "", false],
  ["http://local host", "local host", false],
  ["http://evil.test", null, false],
  ["http://undefined", undefined, false],
  ["http://null", null, false],
  ["file://", "localhost:8080", false],
  ["", "localhost:8080", false],
  ["http://evil.test", undefined, false],
  ["http://evil.test", "", false],
])("origin %s at host %s: %p", (origin, host, expected) => {
  expect(isOriginAllowed(origin, host, rules)).toBe(expected);
});

test("without a PUBLIC_URL no origin is its", () => {
  const none = { allowedOrigins: [], publicUrl: undefined };
  expect(isOriginAllowed("undefined", "example.org", none)).toBe(false);
  expect(isOriginAllowed("https://chat.example.com", "example.org", none)).toBe(false);
});
