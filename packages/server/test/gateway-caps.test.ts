import { describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { ManualClock } from "../src/lib/clock.ts";
import { type Settings, TestServer } from "./harness.ts";
import { exchange, handshakeText } from "./raw-http.ts";
import { StillTime } from "./still-time.ts";

/** On a clock that stands still, so that no allowance comes back by itself. */
async function withServer(
  settings: Settings,
  run: (server: TestServer, clock: ManualClock) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const server = await TestServer.start(settings, { clock });
  try {
    await run(server, clock);
  } finally {
    await server.stop();
  }
}

/** The status of a handshake that comes from an address, through the proxy on this machine. */
async function handshake(server: TestServer, ip: string, token?: string): Promise<number> {
  const protocol = token === undefined ? {} : { "Sec-WebSocket-Protocol": `parley, ${token}` };
  const text = handshakeText({ "X-Forwarded-For": ip, ...protocol });
  return (await exchange(Number(new URL(server.url).port), text)).status;
}

const from = (ip: string) => ({ headers: { "X-Forwarded-For": ip } });

describe("caps", () => {
  test(
    "GW-42: over the user's cap the oldest connection goes with 4029, however it signed in",
    () =>
      withServer({ MAX_CONNECTIONS_PER_USER: "3" }, async (server) => {
        const [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
        const other = await server.live(ben);
        const first = await server.live(ann);
        const second = await server.live(ann);
        await server.live(ann);
        const fourth = await server.connect();
        fourth.send({ type: Command.AUTHORIZE, data: { token: ann.token } });
        await fourth.frame(Push.RED_DOT);
        expect((await first.ended()).code).toBe(4029);
        await server.live(ann, { path: "/ws?resume=1" });
        expect((await second.ended()).code).toBe(4029);
        await Promise.all([fourth.echo(), other.echo()]);
        expect([fourth.closed, other.closed]).toEqual([undefined, undefined]);
      }),
    20_000,
  );

  test(
    "GW-43: over the process's cap a connection is opened and closed with 1013 and when to come back",
    () =>
      withServer({ MAX_CONNECTIONS: "2" }, async (server) => {
        const ann = await server.person("ann");
        const [one, two] = [await server.live(ann), await server.connect()];
        const three = await server.connect({ token: ann.token });
        const { code, reason } = await three.ended();
        expect([code, reason]).toEqual([1013, expect.stringMatching(/^retry=\d+$/)]);
        expect(three.frames).toEqual([]);
        two.close();
        await two.ended();
        await one.echo();
        await server.live(ann);
        // The refused connection is not counted as live, nor subtracted from the number of live ones.
        const page = await (await fetch(`${server.url}/metrics`)).text();
        expect(page).toContain('parley_connections{transport="websocket"} 2\n');
      }),
    20_000,
  );

  test(
    "GW-44: an address has 200 anonymous connections, also with RATE_LIMITS=off; who signs in is not counted",
    () =>
      withServer({}, async (server) => {
        const ann = await server.person("ann");
        const opened = await Promise.all(Array.from({ length: 199 }, () => server.connect(from("203.0.113.7"))));
        const wrong = await server.connect({ ...from("203.0.113.7"), token: "pl_wrong" });
        await wrong.frame(Push.INVALIDATE_TOKEN);
        expect(await handshake(server, "203.0.113.7")).toBe(429);
        // An invalid token is only found out after the upgrade.
        const more = await server.connect({ ...from("203.0.113.7"), token: "pl_wrong" });
        expect((await more.ended()).code).toBe(1013);
        expect(await handshake(server, "203.0.113.8")).toBe(101);
        await server.live(ann, from("203.0.113.7"));

        opened[0]?.send({ type: Command.AUTHORIZE, data: { token: ann.token } });
        await opened[0]?.frame(Push.RED_DOT);
        expect(await handshake(server, "203.0.113.7")).toBe(101);
      }),
    20_000,
  );

  test(
    "GW-44: IPv6 addresses count by /64",
    () =>
      withServer({}, async (server) => {
        await Promise.all(
          Array.from({ length: 200 }, (_, i) => server.connect(from(`2001:db8:0:1::${i.toString(16)}`))),
        );
        expect(await handshake(server, "2001:db8:0:1:ffff::1")).toBe(429);
        expect(await handshake(server, "2001:db8:0:2::1")).toBe(101);
      }),
    20_000,
  );
});

describe("floods", () => {
  test(
    "GW-45: 50 handshakes at once and 10 a second from an address, then 429; a valid token still passes",
    () =>
      withServer({ RATE_LIMITS: "on" }, async (server) => {
        using time = new StillTime();
        const ann = await server.person("ann");
        const tries = async (count: number) => {
          const statuses = await Promise.all(Array.from({ length: count }, () => handshake(server, "203.0.113.7")));
          return [101, 429].map((wanted) => statuses.filter((status) => status === wanted).length);
        };
        expect(await tries(70)).toEqual([50, 20]);
        time.advance(1000);
        expect(await tries(15)).toEqual([10, 5]);
        expect(await handshake(server, "203.0.113.7", "pl_wrong")).toBe(429);
        expect(await handshake(server, "203.0.113.7", ann.token)).toBe(101);
        expect(await handshake(server, "203.0.113.8")).toBe(101);
      }),
    20_000,
  );

  test(
    "GW-45: valid tokens are not counted, others are",
    () =>
      withServer({ RATE_LIMITS: "on" }, async (server) => {
        using _time = new StillTime();
        // No more than each may begin at once (GW-90).
        const people = await Promise.all(["ann", "bob", "cem"].map((name) => server.person(name)));
        const handshakes = people.flatMap(({ token }) =>
          Array.from({ length: 40 }, () => handshake(server, "203.0.113.7", token)),
        );
        expect(new Set(await Promise.all(handshakes))).toEqual(new Set([101]));
        await Promise.all(
          Array.from({ length: 50 }, async () => {
            const live = await server.connect({ ...from("203.0.113.7"), token: "pl_wrong" });
            await live.frame(Push.INVALIDATE_TOKEN);
          }),
        );
        expect(await handshake(server, "203.0.113.7", "pl_wrong")).toBe(429);
      }),
    20_000,
  );

  test(
    "GW-45: the refusal says when to come back",
    () =>
      withServer({ RATE_LIMITS: "on" }, async (server) => {
        using _time = new StillTime();
        const port = Number(new URL(server.url).port);
        const replies = await Promise.all(Array.from({ length: 60 }, () => exchange(port, handshakeText())));
        const refused = replies.find(({ status }) => status === 429);
        expect(JSON.parse(refused?.body ?? "")).toMatchObject({ status: 429, code: "rate_limited" });
        expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      }),
    20_000,
  );
});
