import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { ManualClock } from "../../src/lib/clock.ts";
import { ApiClient } from "../api-client.ts";
import { type Settings, say, TestServer } from "../harness.ts";
import { exchange, handshakeText } from "../raw-http.ts";
import { SseReader } from "../sse-reader.ts";
import { StillTime } from "../still-time.ts";
import type { Reader, Start, Transport } from "./reader.ts";
import { events, range, resyncs, Stage, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

interface Events {
  readonly events: unknown[];
  readonly cursor: string;
}

describe("a public hall", () => {
  let stage: Stage;
  let said = 0;
  beforeAll(async () => {
    stage = await Stage.open({ HALL: "public" });
  }, 30_000);
  afterAll(() => stage.close());

  const read = (transport: Transport, start?: Start) => stage.read(transport, start, null);
  const now = async () => (await stage.server.api.ok<Events>("GET", "/events")).cursor;

  /** Resolves when an anonymous reader has had everything that was said before. */
  async function settle(reader: Reader): Promise<void> {
    said += 1;
    const end = `the end ${said}`;
    await say(stage.ann, HALL_ROOM_ID, end);
    await reader.until((frames) => texts({ frames }, HALL_ROOM_ID).includes(end), end);
  }

  for (const transport of TRANSPORTS) {
    const { name } = transport;

    test(`TR-14: ${name}: a reader without a token reads the hall, and nothing else`, async () => {
      const reader = await read(transport);
      await say(stage.ann, stage.lobby, "private");
      await say(stage.ann, HALL_ROOM_ID, `${name} live`);
      await stage.ann.api.ok("POST", "/rooms", { name: "another", memberIds: [stage.ben.uid] });
      await settle(reader);
      expect(texts(reader, HALL_ROOM_ID)).toEqual([`${name} live`, `the end ${said}`]);
      expect(events(reader)).toHaveLength(2);
      const unlogged = new Set(reader.frames.filter((frame) => !("stream" in frame)).map(({ type }) => type));
      for (const type of [Push.RED_DOT, Push.LOGIN_SUCCESS]) expect(unlogged.has(type)).toBeFalse();
    });

    test(`TR-14: ${name}: a reader's cursor brings what they missed, and nothing of a room that it names`, async () => {
      const cursor = `${await now()},room:${stage.lobby}@0,user:${stage.ben.uid}@0`;
      await say(stage.ann, stage.lobby, "private");
      for (const i of range(1, 60)) await say(stage.ann, HALL_ROOM_ID, `${name} ${i}`);
      const reader = await read(transport, { cursor });
      await settle(reader);
      expect(resyncs(reader)).toEqual([]);
      expect(texts(reader, HALL_ROOM_ID).slice(0, -1)).toEqual(range(1, 60).map((i) => `${name} ${i}`));
      expect(events(reader)).toHaveLength(61);
      // The reader can go on from its end by any other transport, signed in too.
      const on = reader.cursor();
      reader.close();
      await say(stage.ann, HALL_ROOM_ID, `${name} after`);
      const next = await stage.read(transport, { cursor: on });
      await stage.settle(next);
      expect(texts(next, HALL_ROOM_ID)).toEqual([`${name} after`]);
    });

    test(`TR-14: ${name}: RESYNC comes as to everybody`, async () => {
      const reader = await read(transport, { cursor: "0123456789abcdef;*@1" });
      // What is said before its start is read lies before the cursor of RESYNC.
      await reader.until((frames) => resyncs({ frames }).length > 0, "RESYNC");
      await settle(reader);
      expect(resyncs(reader)).toMatchObject([{ stream: "*", why: "epoch" }]);
    });
  }

  test("TR-14: a token that is not valid is 401 on event streams and polls, not an anonymous reader", async () => {
    const wrong = new ApiClient(stage.server.url, "pl_wrong");
    for (const path of ["/events", "/events?wait=1", "/events/stream", "/events?token=pl_wrong"]) {
      expect(await wrong.call("GET", path)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    }
  });

  test("TR-14: a reader without a token is not online", async () => {
    const readers = await Promise.all(TRANSPORTS.map((transport) => read(transport)));
    await Promise.all(readers.map(settle));
    const watcher = await stage.server.live(stage.ann);
    const cai = await stage.person();
    await stage.server.live(cai);
    const told = await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.onlineNum !== 1);
    // These are Ann and Cai, and also Ben as long as Ben's earlier polls count.
    expect(told.data.onlineNum).toBeLessThanOrEqual(3);
    for (const reader of readers) reader.close();
  }, 20_000);
});

for (const access of ["members", "off"]) {
  test(`TR-14: with HALL=${access} event streams and polls are 401 without a token`, async () => {
    const server = await TestServer.start({ HALL: access });
    try {
      for (const path of ["/events", "/events?cursor=x&wait=1", "/events/stream"]) {
        expect(await server.api.call("GET", path)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
      }
      expect((await server.api.call("POST", "/events", {})).status).toBe(401);
    } finally {
      await server.stop();
    }
  });
}

describe("limits of anonymous readers", () => {
  async function withServer(settings: Settings, run: (server: TestServer) => Promise<void>): Promise<void> {
    const server = await TestServer.start({ HALL: "public", ...settings }, { clock: new ManualClock() });
    try {
      await run(server);
    } finally {
      await server.stop();
    }
  }

  test(
    "TR-15: event streams, polls that hang and sockets share the 200 of an address, and give them back",
    () =>
      withServer({}, async (server) => {
        const ann = await server.person("ann");
        const { cursor } = await server.api.ok<Events>("GET", "/events");
        const streams = await Promise.all(range(1, 100).map(() => SseReader.open(server.url, undefined)));
        await Promise.all(streams.map((stream) => stream.frame(Push.READY)));
        const sockets = await Promise.all(range(1, 60).map(() => server.connect()));
        const polls = range(1, 40).map(() => server.api.call<Events>("POST", "/events", { cursor, wait: 60 }));
        const full = () => server.api.call<{ code: string }>("GET", "/events");
        for (let turn = 0; (await full()).status === 200; turn++) {
          if (turn > 1000) throw new Error("200 anonymous readers of one address and there is room for more");
        }
        expect(await full()).toMatchObject({ status: 429, body: { code: "rate_limited" } });
        expect((await full()).headers.get("Retry-After")).toBe("10");
        expect((await SseReader.open(server.url, undefined)).status).toBe(429);
        expect((await exchange(Number(new URL(server.url).port), handshakeText({}))).status).toBe(429);
        // Other addresses and signed-in people are not affected.
        const elsewhere = { "X-Forwarded-For": "203.0.113.9" };
        expect((await server.api.call("GET", "/events", undefined, elsewhere)).status).toBe(200);
        expect((await ann.api.call("GET", "/events")).status).toBe(200);

        await say(ann, HALL_ROOM_ID, "wakes the polls");
        for (const { status, body } of await Promise.all(polls)) expect([status, body.events.length]).toEqual([200, 1]);
        expect((await full()).status).toBe(200);
        for (const one of [...streams, ...sockets]) one.close();
        for (let turn = 0; server.hub.size > 0; turn++) {
          if (turn > 1000) throw new Error("closed connections keep their places");
          await server.api.call("GET", "/doctor");
        }
        const again = await Promise.all(range(1, 200).map(() => SseReader.open(server.url, undefined)));
        expect(again.map(({ status }) => status)).toEqual(again.map(() => 200));
        for (const one of again) one.close();
      }),
    30_000,
  );

  test(
    "TR-15: each counts as a handshake of its address: 50 at once, then 429; a valid token passes",
    () =>
      withServer({ RATE_LIMITS: "on" }, async (server) => {
        using _time = new StillTime();
        const ann = await server.person("ann");
        const statuses = await Promise.all(
          range(1, 60).map(async (i) => {
            const { status, headers } = await server.api.call(
              i % 2 ? "GET" : "POST",
              "/events",
              i % 2 ? undefined : {},
            );
            return `${status} ${headers.has("Retry-After")}`;
          }),
        );
        expect(statuses.filter((one) => one === "200 false")).toHaveLength(50);
        expect(statuses.filter((one) => one === "429 true")).toHaveLength(10);
        expect((await SseReader.open(server.url, undefined)).status).toBe(429);
        expect((await ann.api.call("GET", "/events")).status).toBe(200);
      }),
    20_000,
  );
});
