import { describe, expect, test } from "bun:test";
import { loadConfig } from "../config/config.ts";
import { Health } from "../ops/health.ts";
import { createLogger } from "../ops/logger.ts";
import { Metrics } from "../ops/metrics.ts";
import { createApp } from "./app.ts";
import { clientAddress, LOOPBACK_PROXIES, trustedProxies } from "./client-ip.ts";
import { doctorRoute } from "./doctor-route.ts";
import { ForwarderWarnings } from "./forwarder-warning.ts";

const CUSTOM = ["127.0.0.0/8", "10.0.0.0/8"];

class Setup {
  readonly lines: string[] = [];
  readonly health = new Health();
  readonly forwarders: ForwarderWarnings;
  journalBytes = 0;
  readonly #app: ReturnType<typeof createApp>;
  readonly #trusted;

  constructor(proxies: readonly string[] = CUSTOM, publicUrl?: string) {
    const logger = createLogger({ level: "warn", sink: { write: (line) => void this.lines.push(line) } });
    this.#trusted = trustedProxies(proxies);
    this.forwarders = new ForwarderWarnings({ health: this.health, logger, proxies });
    this.#app = createApp({
      config: loadConfig({}).config,
      logger,
      metrics: new Metrics(),
      health: this.health,
      findLogin: async (token) => ({ loginId: 1, uid: 20_000, power: token === "root" ? 1 : 0 }),
      routes: [
        doctorRoute({
          trusted: this.#trusted,
          proxies,
          publicUrl,
          forwarders: this.forwarders,
          journalBytes: () => this.journalBytes,
        }),
      ],
    });
  }

  /** One request of a peer, as the listener passes it on. */
  async ask(
    peer: string,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown> & { warnings: string[] }> {
    const request = new Request("http://im.example:8080/api/v1/doctor", {
      headers: { host: "im.example:8080", ...headers },
    });
    this.forwarders.note(clientAddress({ peer, headers: request.headers, trusted: this.#trusted }));
    const response = await this.#app.fetch(request, { ip: peer });
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    return (await response.json()) as Record<string, unknown> & { warnings: string[] };
  }
}

describe("GET /doctor", () => {
  test("PROC-10: a journal that has grown is named to those who run the server, and to nobody else", async () => {
    const setup = new Setup();
    setup.journalBytes = 255_000_000;
    expect((await setup.ask("127.0.0.1")).warnings.join()).not.toContain("journal");
    setup.journalBytes = 300_000_000;
    expect((await setup.ask("127.0.0.1")).warnings.join()).toContain("journal (parley.db-wal) has 300 MB");
    expect((await setup.ask("203.0.113.5")).warnings.join()).not.toContain("journal");
    const administrator = await setup.ask("203.0.113.5", { authorization: "Bearer root" });
    expect(administrator.warnings.join()).toContain("300 MB");
  });

  test("a request that comes straight", async () => {
    expect(await new Setup().ask("203.0.113.5")).toEqual({
      peerIp: "203.0.113.5",
      forwarded: null,
      clientIp: "203.0.113.5",
      scheme: "http",
      host: "im.example:8080",
      wsPort: null,
      warnings: [],
      trustedProxies: null,
    });
  });

  test("a request through a trusted proxy", async () => {
    const headers = {
      "x-forwarded-for": "203.0.113.5",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "im.example",
    };
    expect(await new Setup().ask("::ffff:10.0.0.2", headers)).toEqual({
      peerIp: "10.0.0.2",
      forwarded: "203.0.113.5",
      clientIp: "203.0.113.5",
      scheme: "https",
      host: "im.example",
      wsPort: null,
      warnings: [],
      trustedProxies: null,
    });
  });

  test("the proxy list is for administrators and the machine itself", async () => {
    const setup = new Setup();
    expect((await setup.ask("127.0.0.1")).trustedProxies).toEqual(CUSTOM);
    expect((await setup.ask("203.0.113.5", { authorization: "Bearer root" })).trustedProxies).toEqual(CUSTOM);
    expect((await setup.ask("203.0.113.5", { authorization: "Bearer other" })).trustedProxies).toBeNull();
    // Through a proxy on the same machine that sends the header.
    expect((await setup.ask("127.0.0.1", { "x-forwarded-for": "127.0.0.1" })).trustedProxies).toBeNull();
    expect((await setup.ask("127.0.0.1", { "x-forwarded-for": "203.0.113.5" })).trustedProxies).toBeNull();
  });

  test.each([
    ["an untrusted proxy", "172.17.0.1", { "x-forwarded-for": "203.0.113.5" }, /172\.17\.0\.1 sends X-Forwarded-For/],
    [
      "an unreadable entry",
      "10.0.0.2",
      { "x-forwarded-for": "203.0.113.5, unknown" },
      /not an IP address, so 10\.0\.0\.2/,
    ],
    ["a list that is too wide", "10.0.0.2", { "x-forwarded-for": "10.9.9.9" }, /the leftmost one, 10\.9\.9\.9/],
    ["a second proxy", "10.0.0.2", { "x-forwarded-for": "1.1.1.1, 172.18.0.3" }, /private one.*,172\.18\.0\.3$/],
    ["a proxy without the header", "10.0.0.2", { via: "1.1 front" }, /sends via\).*proxy_add_x_forwarded_for/],
    ["a private peer", "172.17.0.1", {}, /172\.17\.0\.1 has a private address/],
    ["a private IPv6 peer", "fd00::7", {}, /fd00::7 has a private address/],
  ] as const)("warns of %s", async (_, peer, headers, wanted) => {
    const { warnings } = await new Setup().ask(peer, headers);
    expect(warnings).toEqual([expect.stringMatching(wanted)]);
    expect(warnings[0]).not.toContain("10.0.0.0/8");
  });

  test("names the exact value to set", async () => {
    const forwarded = { "x-forwarded-for": "203.0.113.5" };
    const standard = await new Setup(LOOPBACK_PROXIES).ask("172.17.0.1", forwarded);
    expect(standard.warnings[0]).toEndWith("TRUSTED_PROXIES=127.0.0.0/8,::1/128,172.17.0.1");
    const stranger = await new Setup().ask("172.17.0.1", forwarded);
    expect(stranger.warnings[0]).toEndWith("TRUSTED_PROXIES=<as it is now>,172.17.0.1");
    const root = await new Setup().ask("172.17.0.1", { ...forwarded, authorization: "Bearer root" });
    expect(root.warnings[0]).toEndWith("TRUSTED_PROXIES=127.0.0.0/8,10.0.0.0/8,172.17.0.1");
  });

  test("warns when PUBLIC_URL leads elsewhere", async () => {
    const { warnings } = await new Setup(CUSTOM, "https://im.example:8080").ask("10.0.0.2", {
      "x-forwarded-for": "1.1.1.1",
    });
    expect(warnings).toEqual([expect.stringMatching(/came to http:\/\/im\.example:8080.*X-Forwarded-Proto$/)]);
    expect((await new Setup(CUSTOM, "http://im.example:8080").ask("203.0.113.5")).warnings).toEqual([]);
  });

  test("a forged header is shown shortened", async () => {
    const { forwarded } = await new Setup().ask("203.0.113.5", { "x-forwarded-for": "x".repeat(9000) });
    expect((forwarded as string).length).toBe(1000);
  });
});

describe("HTTP-14: peers that forward without being trusted", () => {
  test("are named once in the log, in /readyz and to administrators", async () => {
    const setup = new Setup();
    for (let i = 0; i < 3; i++) await setup.ask("172.17.0.1", { "x-forwarded-for": `203.0.113.${i}` });
    expect(setup.lines).toHaveLength(1);
    expect(JSON.parse(setup.lines[0] ?? "")).toMatchObject({ level: "warn", peer: "172.17.0.1" });
    expect(setup.lines[0]).toContain("TRUSTED_PROXIES=127.0.0.0/8,10.0.0.0/8,172.17.0.1");
    expect(setup.lines[0]).not.toContain("203.0.113");
    // Anybody may ask for these, so they name no address.
    expect(setup.health.warnings).toEqual(["forwarder_untrusted"]);
    const root = await setup.ask("203.0.113.9", { authorization: "Bearer root" });
    expect(root.warnings).toEqual([expect.stringContaining("172.17.0.1 sends X-Forwarded-For")]);
    expect((await setup.ask("203.0.113.9")).warnings).toEqual([]);
  });

  test("are bounded", async () => {
    const setup = new Setup();
    for (let i = 0; i < 200; i++) await setup.ask(`198.51.100.${i}`, { "x-forwarded-for": "1.1.1.1" });
    expect(setup.forwarders.peers()).toHaveLength(20);
    expect(setup.lines).toHaveLength(20);
    expect(setup.health.warnings).toHaveLength(1);
  });
});

describe("HTTP-13: X-Real-IP beside X-Forwarded-For", () => {
  const warningsOf = async (headers: Record<string, string>, peer = "127.0.0.1") =>
    (await new Setup().ask(peer, headers)).warnings;

  test("a proxy that sets only in X-Real-IP lets clients choose their address, which is said", async () => {
    for (const headers of [{ "X-Real-IP": "203.0.113.5" }, { "X-Real-IP": "203.0.113.5", "X-Forwarded-For": " , " }]) {
      const [warning = "", ...more] = await warningsOf(headers);
      expect(more).toEqual([]);
      expect(warning).toContain("only in X-Real-IP");
      expect(warning).toContain("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
    }
  });

  test("both are there, and the address of the one is not in the other", async () => {
    const headers = { "X-Real-IP": "203.0.113.5", "X-Forwarded-For": "198.51.100.1, 192.0.2.9" };
    const [warning, ...more] = await warningsOf(headers);
    expect(more).toEqual([]);
    expect(warning).toContain("X-Real-IP says 203.0.113.5, which X-Forwarded-For does not name");
  });

  test.each([
    ["203.0.113.5", "203.0.113.5"],
    ["203.0.113.5:80", "198.51.100.1, 203.0.113.5"],
    ["::ffff:203.0.113.5", "203.0.113.5:443"],
    ["[2001:db8::7]:9", "2001:DB8:0::7"],
    // The last proxy of several names the one before it.
    ["10.0.0.4", "203.0.113.5, 10.0.0.4"],
    ["nobody", "203.0.113.5"],
  ])("%s and %s agree, or say nothing", async (realIp, forwarded) => {
    expect(await warningsOf({ "X-Real-IP": realIp, "X-Forwarded-For": forwarded })).toEqual([]);
  });

  test("headers of a peer that is not trusted do not count at all", async () => {
    const [warning] = await warningsOf({ "X-Real-IP": "203.0.113.5" }, "192.0.2.77");
    expect(warning).toContain("is not a trusted proxy");
  });
});
