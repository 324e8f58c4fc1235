import { afterEach, describe, expect, test } from "bun:test";
import { AppFixture, problemOf } from "../../test/app-fixture.ts";
import { hostCheck, isNoDomain } from "./known-host.ts";

const rules = { publicUrl: "https://chat.example.com", allowedOrigins: ["https://app.example.com:8443"] };

describe("HTTP-22: the name that a request gives the server", () => {
  const check = (host: string, own = host) => {
    try {
      hostCheck(rules)({ scheme: "http", host }, new URL(`http://${own}`));
      return "known";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test.each([
    ["chat.example.com", "known"],
    ["chat.example.com:8090", "known"],
    ["app.example.com", "known"],
    ["localhost:8080", "known"],
    ["a.localhost", "known"],
    ["127.0.0.1:8080", "known"],
    ["[::1]:8080", "known"],
    ["evil.example", "host_unknown"],
    ["chat.example.com.evil.example", "host_unknown"],
    ["10.0.0.5:8080", "host_unknown"],
    ["notlocalhost:8080", "host_unknown"],
    ["localhost.evil.example", "host_unknown"],
  ])("%s is %s", (host, verdict) => {
    expect(check(host)).toBe(verdict);
  });

  test.each([
    ["10.0.0.5:8080", "known"],
    ["[fd00::5]:8080", "known"],
    ["parley:8080", "known"],
    ["localhost:8080", "known"],
    ["app.example.com", "known"],
    ["evil.example", "host_unknown"],
    ["10.0.0.5.evil.example", "host_unknown"],
  ])("a proxy's word for it counts where Host is %s: %s", (own, verdict) => {
    expect(check("chat.example.com", own)).toBe(verdict);
  });

  test("a proxy's word for an unknown name is refused, though Host is known", () => {
    expect(check("evil.example", "chat.example.com")).toBe("host_unknown");
  });

  test("any counts where PUBLIC_URL is not set", () => {
    expect(() =>
      hostCheck({ ...rules, publicUrl: undefined })(
        { scheme: "http", host: "evil.example" },
        new URL("http://evil.example/"),
      ),
    ).not.toThrow();
  });
});

test("HTTP-11, HTTP-22: what no page of the internet can be called: addresses, names without a dot, loopback", () => {
  for (const name of ["localhost", "parley", "app.localhost", "127.0.0.1", "10.0.0.5", "[::1]", "[fd00::5]"]) {
    expect([name, isNoDomain(name)]).toEqual([name, true]);
  }
  for (const name of ["evil.example", "localhost.evil.example", "10.0.0.5.evil.example", "notlocalhost.example"]) {
    expect([name, isNoDomain(name)]).toEqual([name, false]);
  }
});

describe("over HTTP", () => {
  let app: AppFixture;
  afterEach(() => app.stop());

  test("HTTP-22: another name is 421, and is logged", async () => {
    app = new AppFixture({ PUBLIC_URL: "https://chat.example.com" });
    const refused = await app.ask("/api/v1/notes/5", { headers: { Host: "evil.example" } });
    expect(await problemOf(refused)).toMatchObject({ status: 421, code: "host_unknown" });
    expect(app.lines.at(-1)).toContain('"status":421');
    expect((await app.ask("/api/v1/notes/5")).status).toBe(200);
  });

  test.each(["/healthz", "/readyz", "/metrics"])("HTTP-22: %s takes any name", async (path) => {
    app = new AppFixture({ PUBLIC_URL: "https://chat.example.com" });
    expect((await app.ask(path, { headers: { Host: "10.0.0.5:8080" } })).status).not.toBe(421);
    expect((await app.ask(`${path}/`, { headers: { Host: "10.0.0.5:8080" } })).status).toBe(421);
  });

  test("HTTP-23: a token that stands in a path is not logged", async () => {
    app = new AppFixture();
    const tokens = [
      "pl_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
      // One of the product's own, whole and without its signature.
      "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl-_8",
      "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0MiJ9",
    ];
    for (const token of tokens) {
      expect((await app.ask(`/api/v1/${token}/x`)).status).toBe(404);
      expect(app.lines.at(-1)).toContain("/api/v1/[hidden]/x");
      expect(app.lines.join("")).not.toContain(token.slice(-12));
    }
  });
});
