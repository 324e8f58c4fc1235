import { expect, test } from "bun:test";
import { floorCursor, Push } from "@parley/protocol";
import type { TransportName } from "../src/connection/transports/transport.ts";
import { WatchedClient } from "./watched-client.ts";

const EPOCH = "0123456789abcdef";
const CURSOR = floorCursor(EPOCH, 5);
const READY = { connectionId: "1", epoch: EPOCH, serverTime: 0, heartbeatMs: 1e6, idleMs: 1e6, cursor: CURSOR };
const DRAIN = { retryAfterMs: 300, cursor: CURSOR };

const frame = (type: number, data: object) => JSON.stringify({ type, data });

/** A server that answers plain requests, and every connection with one and the same thing. */
class Turning {
  readonly #server: Bun.Server<undefined>;
  /** When connections were asked for, and when the last one was ended, by `performance.now`. */
  readonly asked: number[] = [];
  endedAt = 0;

  constructor(does: { socket: (socket: Bun.ServerWebSocket<undefined>) => void; other: () => Response }) {
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, server) => {
        if (request.url.endsWith("/me")) return Response.json({ uid: 1 });
        this.asked.push(performance.now());
        const headers = { "Sec-WebSocket-Protocol": "parley" };
        if (server.upgrade(request, { headers })) return undefined;
        this.endedAt = performance.now();
        return does.other();
      },
      websocket: {
        open: (socket) => {
          does.socket(socket);
          this.endedAt = performance.now();
        },
        message() {},
      },
    });
  }

  /** A client, and how it is told of a return. */
  open(transport: TransportName) {
    let tell: (what: "online" | "focus") => void = () => {};
    const surroundings = {
      random: () => 0,
      onReturn(run: typeof tell) {
        tell = run;
        return () => {};
      },
    };
    const url = `http://127.0.0.1:${this.#server.port}`;
    const watched = new WatchedClient({ url, token: "t", transports: [transport] }, { surroundings });
    return { watched, tell: (what: "online" | "focus") => tell(what) };
  }

  close(): Promise<void> {
    return this.#server.stop(true);
  }
}

test.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
  "SDK-24: neither network, nor person, nor an answer that is back cuts a wait short that the server asked for, by %s",
  async (transport) => {
    const server = new Turning({
      socket: (socket) => socket.close(1013, "retry=600000"),
      other: () => new Response("", { status: 503, headers: { "Retry-After": "600" } }),
    });
    const { watched, tell } = server.open(transport);
    const wait = await watched.was("waiting");
    expect(wait.until).toBeGreaterThan(Date.now() + 590_000);
    const before = server.asked.length;
    tell("online");
    tell("focus");
    // What a cut wait leads to would be under way before these are answered.
    for (const _ of [1, 2]) await watched.client.request("GET /me");
    expect([watched.client.state, server.asked.length]).toEqual([wait, before]);
    watched.client.stop();
    await server.close();
  },
);

test.each(["websocket", "sse"] as const)(
  "SDK-21: after DRAIN nothing connects before its time, whoever is back, by %s",
  async (transport) => {
    const server = new Turning({
      socket(socket) {
        socket.send(frame(Push.READY, READY));
        socket.send(frame(Push.CURSOR, { cursor: CURSOR, live: true }));
        socket.send(frame(Push.DRAIN, DRAIN));
        socket.close(1012, "");
      },
      other() {
        const frames = [frame(Push.READY, READY), frame(Push.DRAIN, DRAIN)];
        const headers = { "Content-Type": "text/event-stream" };
        return new Response(frames.map((text) => `data: ${text}\n\n`).join(""), { headers });
      },
    });
    const { watched, tell } = server.open(transport);
    expect((await watched.was("waiting")).why).toBe("restart");
    const { endedAt } = server;
    tell("online");
    tell("focus");
    await watched.client.request("GET /me");
    await watched.until(() => server.asked.length > 1 && watched.client.state.kind === "waiting", "another one");
    // A timer may be a millisecond early.
    expect((server.asked[1] as number) - endedAt).toBeGreaterThanOrEqual(299);
    watched.client.stop();
    await server.close();
  },
);
