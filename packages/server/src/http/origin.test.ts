import { describe, expect, test } from "bun:test";
import { isOriginAllowed } from "../lib/origin.ts";
import { originVerdict } from "./origin.ts";
import { publicAddress, requestUrl } from "./request-url.ts";

const rules = {
  allowedOrigins: ["https://app.example.com", "http://localhost:5173"],
  publicUrl: "https://chat.example.com",
  ownPorts: [8080, 8090],
};

function verdict(origin: string | null, more: Record<string, string> = {}, viaTrusted = false) {
  const headers = new Headers({ host: "10.0.0.5:8080", ...more });
  if (origin !== null) headers.set("origin", origin);
  return originVerdict({ headers, viaTrusted, rules });
}

describe("origins of handshakes", () => {
  test.each([
    ["no Origin, as programs do", null, {}, "absent"],
    ["null, as sandboxed pages do", "null", {}, "foreign"],
    ["empty", "", {}, "foreign"],
    ["our own host", "http://10.0.0.5:8080", {}, "allowed"],
    ["our own host, TLS before us", "https://10.0.0.5:8080", {}, "allowed"],
    ["our own host, default port", "https://chat.lan", { host: "chat.lan" }, "allowed"],
    ["our own host, default port written out", "https://chat.lan", { host: "Chat.lan:443" }, "allowed"],
    ["our own host, IPv6", "http://[::1]:8080", { host: "[::1]:8080" }, "allowed"],
    ["our other port", "http://10.0.0.5:8080", { host: "10.0.0.5:8090" }, "allowed"],
    ["a port of another program", "http://10.0.0.5:3000", {}, "foreign"],
    ["our port on another host", "http://10.0.0.6:8080", { host: "10.0.0.5:8090" }, "foreign"],
    ["PUBLIC_URL", "https://chat.example.com", {}, "allowed"],
    ["PUBLIC_URL with another scheme", "http://chat.example.com", {}, "foreign"],
    ["ALLOWED_ORIGINS", "https://app.example.com", {}, "allowed"],
    ["ALLOWED_ORIGINS with a port", "http://localhost:5173", {}, "allowed"],
    ["another port of an allowed one", "http://localhost:5174", {}, "foreign"],
    ["our other port, scheme's own", "http://10.0.0.5", { host: "10.0.0.5:8080" }, "foreign"],
    ["a stranger", "https://evil.example", {}, "foreign"],
    ["our host as its prefix", "http://10.0.0.5:8080.evil.example", {}, "foreign"],
    ["our host as its user part", "http://10.0.0.5:8080@evil.example", {}, "foreign"],
    ["an allowed one as its subdomain", "https://app.example.com.evil.example", {}, "foreign"],
    ["our own host, as the WebSocket's address", "ws://10.0.0.5:8080", {}, "allowed"],
    ["our own host, as the WebSocket's address over TLS", "wss://chat.lan", { host: "chat.lan" }, "allowed"],
    ["our other port, as the WebSocket's address", "ws://10.0.0.5:8090", {}, "allowed"],
    ["another host, as a WebSocket's address", "wss://evil.example", {}, "foreign"],
    ["another kind of page", "chrome-extension://10.0.0.5:8080", {}, "foreign"],
    ["no Host", "http://10.0.0.5:8080", { host: "" }, "foreign"],
    ["two Hosts", "http://evil.example", { host: "10.0.0.5:8080, evil.example" }, "foreign"],
  ] as const)("%s", (_, origin, headers, wanted) => {
    expect(verdict(origin, headers)).toBe(wanted);
  });

  test("HTTP-54: a path of PUBLIC_URL belongs to no origin", () => {
    const rules = { allowedOrigins: [], publicUrl: "https://example.com/chat" };
    expect(isOriginAllowed("https://example.com", "10.0.0.5", rules)).toBe(true);
    expect(isOriginAllowed("https://example.com/chat", "10.0.0.5", rules)).toBe(false);
    expect(isOriginAllowed("https://example.com.evil.example", "10.0.0.5", rules)).toBe(false);
  });

  test("X-Forwarded-Host counts from a trusted peer only", () => {
    const forwarded = { "x-forwarded-host": "im.example.org" };
    expect(verdict("https://im.example.org", forwarded, true)).toBe("allowed");
    expect(verdict("https://im.example.org", forwarded, false)).toBe("foreign");
    expect(verdict("https://im.example.org:8443", { "x-forwarded-host": "x, im.example.org:8443" }, true)).toBe(
      "allowed",
    );
    expect(verdict("https://evil.example", forwarded, true)).toBe("foreign");
    expect(verdict("http://10.0.0.5:8080", forwarded, true)).toBe("allowed");
  });

  test("eight forwarded hosts are read, and no more", () => {
    const nth = (place: number) => {
      const hosts = Array.from({ length: 9 }, (_, i) => (i + 1 === place ? "im.example.org" : "x"));
      return verdict("https://im.example.org", { "x-forwarded-host": hosts.join(", ") }, true);
    };
    expect([nth(1), nth(8), nth(9)]).toEqual(["allowed", "allowed", "foreign"]);
  });

  test("where we listen on a scheme's own port, a page of our other port may name none", () => {
    const at = (origin: string, ownPorts: number[]) =>
      originVerdict({
        headers: new Headers({ host: "im.lan:8090", origin }),
        viaTrusted: false,
        rules: { ...rules, ownPorts },
      });
    expect(at("http://im.lan", [80, 8090])).toBe("allowed");
    expect(at("https://im.lan", [443, 8090])).toBe("allowed");
    expect(at("wss://im.lan", [443, 8090])).toBe("allowed");
    expect(at("ws://im.lan", [443, 8090])).toBe("foreign");
    expect(at("http://im.lan", [443, 8090])).toBe("foreign");
    expect(at("https://im.lan", [80, 8090])).toBe("foreign");
  });
});

describe("the request's address", () => {
  const at = (host: string | undefined, url = "http://h/p?q=1") => {
    const request = new Request(url, host === undefined ? {} : { headers: { host } });
    return requestUrl(request)?.href;
  };

  test("hosts that are one host", () => {
    for (const host of [
      "h",
      "a.b-c.d_e",
      "10.0.0.1:80",
      "a:1",
      "a:12345",
      "[::1]:8080",
      "[::ffff:10.0.0.1]",
      "xn--bcher-kva.example",
    ]) {
      expect(at(host), host).toBe("http://h/p?q=1");
    }
    expect(at(undefined)).toBe("http://h/p?q=1");
  });

  test("malformed hosts", () => {
    for (const host of ["a b", "a/b", "a, b", "a:b", "a:123456", "[::1", "user@a", "a?b", "a#b", "é"]) {
      expect(at(host), host).toBeUndefined();
    }
  });

  test("what the client sees", () => {
    const seen = (headers: Record<string, string>, viaTrusted: boolean) =>
      publicAddress(new URL("http://10.0.0.5:8080/ws"), new Headers(headers), viaTrusted);
    const forwarded = {
      host: "10.0.0.5:8080",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "Chat.example.com:443",
    };
    expect(seen(forwarded, true)).toEqual({ scheme: "https", host: "chat.example.com" });
    expect(seen(forwarded, false)).toEqual({ scheme: "http", host: "10.0.0.5:8080" });
    expect(seen({ host: "a:80", "x-forwarded-proto": "wss, http" }, true)).toEqual({ scheme: "https", host: "a:80" });
    expect(seen({ host: "a:80", "x-forwarded-proto": "gopher", "x-forwarded-host": "<x>" }, true)).toEqual({
      scheme: "http",
      host: "10.0.0.5:8080",
    });
    expect(seen({ host: "[::1]:8080" }, true)).toEqual({ scheme: "http", host: "[::1]:8080" });
  });
});
