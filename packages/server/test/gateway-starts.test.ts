import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { LOCAL_RATES } from "../src/limits/limits.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, type Settings, TestServer } from "./harness.ts";
import { LateAnswers } from "./late-answers.ts";
import { exchange, handshakeText } from "./raw-http.ts";
import { SseReader } from "./sse-reader.ts";
import { StillTime } from "./still-time.ts";

const { burst } = LOCAL_RATES.starts;

async function withServer(settings: Settings, run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await TestServer.start(settings);
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

/** Uses up what a person may start at once, except for `left`, by connections that end again. */
async function useUp(server: TestServer, { token }: Person, left = 0): Promise<void> {
  for (let n = 0; n < burst - left; n++) {
    const client = await server.connect({ token });
    await client.frame(Push.READY);
    client.close();
  }
}

test(
  "GW-90: twenty devices come back at once twice; what is beyond is opened and closed with 1013 and a time",
  () =>
    withServer({ RATE_LIMITS: "on" }, async (server) => {
      using time = new StillTime();
      const ann = await server.person("ann");
      const bob = await server.person("bob");
      for (let n = 0; n < burst / 20; n++) {
        const devices = await Promise.all(Array.from({ length: 20 }, () => server.connect({ token: ann.token })));
        for (const device of devices) await device.frame(Push.READY);
        for (const device of devices) device.close();
      }
      const startedAt = Bun.nanoseconds();
      const more = await server.connect({ token: ann.token });
      expect(await more.ended()).toEqual({ code: 1013, reason: "retry=200" });
      expect(more.of(Push.READY)).toEqual([]);
      // The refusal comes late, for those who do not wait as they should.
      expect(Bun.nanoseconds() - startedAt).toBeGreaterThan(900_000_000);
      await (await server.connect({ token: bob.token })).frame(Push.READY);
      time.advance(200);
      await (await server.connect({ token: ann.token })).frame(Push.READY);
      const again = await server.connect({ token: ann.token });
      expect((await again.ended()).code).toBe(1013);
    }),
  20_000,
);

test(
  "GW-90: an address that gets many such refusals gets the further ones at once, and then none of its connections is opened for them",
  () =>
    withServer({ RATE_LIMITS: "on" }, async (server) => {
      using _time = new StillTime();
      const ann = await server.person("ann");
      const bob = await server.person("bob");
      await useUp(server, ann);
      const { burst: told } = LOCAL_RATES.handshakes;
      const startedAt = Bun.nanoseconds();
      const refused = await Promise.all(Array.from({ length: told }, () => server.connect({ token: ann.token })));
      for (const one of refused) expect(await one.ended()).toEqual({ code: 1013, reason: "retry=200" });
      expect(Bun.nanoseconds() - startedAt).toBeGreaterThan(900_000_000);
      const port = Number(new URL(server.url).port);
      const handshake = async ({ token }: Person) =>
        (await exchange(port, handshakeText({}, `GET /ws?token=${token} HTTP/1.1`))).status;
      expect([await handshake(ann), await handshake(bob)]).toEqual([429, 101]);
      await (await server.connect({ token: bob.token })).frame(Push.READY);
    }),
  20_000,
);

test(
  "GW-90: AUTHORIZE on an open connection is counted, too",
  () =>
    withServer({ RATE_LIMITS: "on" }, async (server) => {
      using _time = new StillTime();
      const ann = await server.person("ann");
      await useUp(server, ann);
      const client = await server.connect({});
      client.send({ type: 3, data: { token: ann.token } });
      expect(await client.ended()).toEqual({ code: 1013, reason: "retry=200" });
    }),
  20_000,
);

test(
  "GW-90: event streams, and polls that begin anew, are 429; a poll that goes on where the last one ended is not counted",
  () =>
    withServer({ RATE_LIMITS: "on" }, async (server) => {
      using _time = new StillTime();
      const ann = await server.person("ann");
      await ann.api.ok("POST", "/rooms/1/messages", { clientId: "a", type: 1, body: { content: "hello" } });
      const poll = (cursor: string) => ann.api.call<{ cursor: string }>("GET", `/events?cursor=${cursor}`);
      const { cursor } = (await ann.api.call<{ cursor: string }>("GET", "/events")).body;
      await useUp(server, ann, 2);
      const stream = await SseReader.open(server.url, ann.token);
      await stream.frame(Push.READY);
      stream.close();
      const { body } = await poll(cursor);
      const statusOf = async (path: string) => {
        const { status, headers } = await new ApiClient(server.url, ann.token).call("GET", path);
        return [status, headers.get("Retry-After")];
      };
      expect(await statusOf("/events/stream")).toEqual([429, "1"]);
      const [epoch] = cursor.split(";");
      expect(await statusOf(`/events?cursor=${epoch};*@0`)).toEqual([429, "1"]);
      // It has a separate reader, which the refused one has not taken away.
      expect((await poll(body.cursor)).status).toBe(200);
      expect((await ann.api.call("GET", "/events")).status).toBe(200);
    }),
  20_000,
);

test(
  "GW-90: RATE_LIMITS=off lifts it",
  () =>
    withServer({}, async (server) => {
      const ann = await server.person("ann");
      await useUp(server, ann);
      await (await server.connect({ token: ann.token })).frame(Push.READY);
    }),
  20_000,
);

test(
  "GW-45, HTTP-25: an address that gets many refusals of handshakes gets the further ones about a second late",
  () =>
    withServer({ RATE_LIMITS: "on" }, async (server) => {
      using _time = new StillTime();
      using late = new LateAnswers();
      const handshake = async (client = "127.0.0.1") => {
        const startedAt = Bun.nanoseconds();
        const bytes = handshakeText({ "X-Forwarded-For": client });
        const status = (await exchange(Number(new URL(server.url).port), bytes)).status;
        return { status, ms: (Bun.nanoseconds() - startedAt) / 1_000_000 };
      };
      for (let n = 0; n < LOCAL_RATES.handshakes.burst; n++) expect((await handshake()).status).toBe(101);
      const refused: Awaited<ReturnType<typeof handshake>>[] = [];
      for (let n = 0; n < 12; n++) refused.push(await handshake());
      expect(refused.map(({ status }) => status)).toEqual(Array(12).fill(429));
      expect(late.count).toBe(2);
      for (const { ms } of refused.slice(-2)) expect(ms).toBeGreaterThan(900);
      // These are another address behind the same proxy, and IPv6 networks, which count as one.
      const networks = ["2001:db8:0:1::1", "2001:db8:0:2::1"];
      for (const client of ["203.0.113.9", ...networks])
        for (let n = 0; n < LOCAL_RATES.handshakes.burst; n++) expect((await handshake(client)).status).toBe(101);
      expect((await handshake("203.0.113.9")).status).toBe(429);
      expect(late.count).toBe(2);
      const ofNetworks: Awaited<ReturnType<typeof handshake>>[] = [];
      for (let n = 0; n < 12; n++) ofNetworks.push(await handshake(networks[n % 2]));
      expect(late.count).toBe(4);
      for (const { ms } of ofNetworks.slice(-2)) expect(ms).toBeGreaterThan(900);
    }),
  40_000,
);
