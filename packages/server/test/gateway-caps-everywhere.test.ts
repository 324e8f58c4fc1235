import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../src/lib/clock.ts";
import { ApiClient } from "./api-client.ts";
import { pollsHang } from "./hanging-polls.ts";
import { type Settings, TestServer } from "./harness.ts";
import { SseReader } from "./sse-reader.ts";
import { StillTime } from "./still-time.ts";

async function withServer(settings: Settings, run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await TestServer.start(settings, { clock: new ManualClock() });
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

test("GW-42: streams count, and one that has to go is told why and not to come back at once", () =>
  withServer({ MAX_CONNECTIONS_PER_USER: "2" }, async (server) => {
    const ann = await server.person("ann");
    const oldest = await SseReader.open(server.url, ann.token);
    await oldest.frame(Push.RED_DOT);
    const socket = await server.live(ann);
    const second = await SseReader.open(server.url, ann.token);
    await second.frame(Push.RED_DOT);
    expect(await oldest.ended()).toBe("whole");
    expect(oldest.frames.at(-1)).toMatchObject({ type: Push.ERROR, data: { code: "too_many_connections" } });
    expect(oldest.retryMs).toBe(60_000);
    const third = await SseReader.open(server.url, ann.token);
    expect((await socket.ended()).code).toBe(4029);
    for (const one of [second, third]) one.close();
  }));

test("GW-43: streams and polls that hang count towards the process's cap, and get 503 beyond it", () =>
  withServer({ MAX_CONNECTIONS: "2" }, async (server) => {
    const ann = await server.person("ann");
    const stream = await SseReader.open(server.url, ann.token);
    const { cursor } = (await stream.frame(Push.READY)).data;
    const socket = await server.live(ann);
    const overloaded = { status: 503, body: { code: "overloaded" } };
    expect((await (await server.connect({ token: ann.token })).ended()).code).toBe(1013);
    expect(await ann.api.call("GET", "/events/stream")).toMatchObject(overloaded);
    expect(await ann.api.call("POST", "/events", { cursor, wait: 60 })).toMatchObject(overloaded);
    expect(await ann.api.call("POST", "/events", { cursor })).toMatchObject({ status: 200, body: { events: [] } });

    socket.close();
    await socket.ended();
    // The server may hear of it after the client does.
    for (let tries = 0; server.hub.size > 1; tries++) {
      if (tries === 1000) throw new Error("the closed connection keeps its place");
      await server.api.call("GET", "/doctor");
    }
    const hanging = ann.api.call("POST", "/events", { cursor, wait: 60 });
    await pollsHang(server.url, 1);
    expect((await (await server.connect({ token: ann.token })).ended()).code).toBe(1013);
    await server.stop();
    expect(await hanging).toMatchObject({ status: 200, body: { events: [] } });
  }));

const DOORS = ["/events", "/events/stream", "/me", "/rooms/1"];

test("GW-45: tokens that are not valid count on every transport and route; a valid one still passes", () =>
  withServer({ RATE_LIMITS: "on" }, async (server) => {
    using _time = new StillTime();
    const ann = await server.person("ann");
    const wrong = new ApiClient(server.url, "pl_wrong");
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const { status, headers } = await wrong.call("GET", DOORS[i % DOORS.length] as string);
        return `${status} ${headers.has("Retry-After")}`;
      }),
    );
    expect(statuses.filter((one) => one === "401 false").length).toBe(50);
    expect(statuses.filter((one) => one === "429 true").length).toBe(10);
    expect((await ann.api.call("GET", "/events")).status).toBe(200);
    const stream = await SseReader.open(server.url, ann.token);
    await stream.frame(Push.READY);
    stream.close();
  }));
