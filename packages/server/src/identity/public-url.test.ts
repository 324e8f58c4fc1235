import { describe, expect, test } from "bun:test";
import { lanAddress } from "./lan-address.ts";
import { publicUrl } from "./public-url.ts";

const source = { publicUrl: undefined, host: "0.0.0.0" };

describe("the address in a QR code", () => {
  test("is PUBLIC_URL if set", async () => {
    const given = { ...source, publicUrl: "https://chat.example.com" };
    expect(await publicUrl(given, "http://localhost:8080")).toBe("https://chat.example.com");
  });

  test.each(["http://chat.example.com", "http://192.168.1.9:8080", "https://chat.example.com:8443"])(
    "is what the client used: %s",
    async (address) => {
      expect(await publicUrl(source, address)).toBe(address);
    },
  );

  test.each(["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"])(
    "%s gets the LAN address",
    async (address) => {
      const expected = await lanAddress();
      expect(await publicUrl(source, address)).toBe(expected ? `http://${expected}:8080` : address);
      expect(await publicUrl({ ...source, host: "127.0.0.1" }, address)).toBe(address);
    },
  );
});
