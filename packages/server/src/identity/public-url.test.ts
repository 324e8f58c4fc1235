import { describe, expect, test } from "bun:test";
import type { NetworkInterfaceInfo } from "node:os";
import { lanAddress, publicUrl } from "./public-url.ts";

const source = { publicUrl: undefined, host: "0.0.0.0" };

describe("the address in a QR code", () => {
  test("is PUBLIC_URL if set", () => {
    const given = { ...source, publicUrl: "https://chat.example.com" };
    expect(publicUrl(given, "http://localhost:8080")).toBe("https://chat.example.com");
  });

  test.each(["http://chat.example.com", "http://192.168.1.9:8080", "https://chat.example.com:8443"])(
    "is what the client used: %s",
    (address) => {
      expect(publicUrl(source, address)).toBe(address);
    },
  );

  test.each(["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"])(
    "%s gets the LAN address",
    (address) => {
      const expected = lanAddress();
      expect(publicUrl(source, address)).toBe(expected ? `http://${expected}:8080` : address);
      expect(publicUrl({ ...source, host: "127.0.0.1" }, address)).toBe(address);
    },
  );
});

describe("the LAN address", () => {
  const card = (address: string, more: Partial<NetworkInterfaceInfo> = {}) =>
    ({ address, family: "IPv4", internal: false, netmask: "", mac: "", cidr: null, ...more }) as NetworkInterfaceInfo;

  test("is a private IPv4 address of a real card", () => {
    const cards = {
      lo: [card("127.0.0.1", { internal: true })],
      docker0: [card("172.17.0.1")],
      eth0: [card("fe80::1", { family: "IPv6" } as never), card("203.0.113.9")],
      wlan0: [card("192.168.1.20")],
    };
    expect(lanAddress(cards)).toBe("192.168.1.20");
    expect(lanAddress({ ...cards, wlan0: [] })).toBe("203.0.113.9");
    expect(lanAddress({ lo: cards.lo, docker0: cards.docker0 })).toBeUndefined();
  });
});
