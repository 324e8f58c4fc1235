import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { floorCursor, Push } from "@parley/protocol";
import { Stage } from "../../server/test/transports/stage.ts";
import { WatchedClient } from "./watched-client.ts";

const EPOCH = "0123456789abcdef";
const READY = { connectionId: "1", epoch: EPOCH, serverTime: 0, heartbeatMs: 1e6, idleMs: 1e6 };

type Odd = string | Uint8Array;

/** Passes requests on, and shows an odd frame on the first connections, before or after READY; the later ones are in order. */
class OddDoor {
  readonly #server: Bun.Server<undefined>;
  opened = 0;

  constructor(odd: { frame: Odd; ready: boolean; times: number }, target: string) {
    const door = this;
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request, server) {
        const headers = { "Sec-WebSocket-Protocol": "parley" };
        if (server.upgrade(request, { headers })) return undefined;
        const { pathname, search } = new URL(request.url);
        const { method, signal } = request;
        const body = method === "GET" ? null : await request.text();
        return fetch(`${target}${pathname}${search}`, { method, headers: request.headers, body, signal });
      },
      websocket: {
        open(socket) {
          door.opened += 1;
          const isOdd = door.opened <= odd.times;
          if (isOdd && !odd.ready) return void socket.send(odd.frame);
          const cursor = floorCursor(EPOCH, 5);
          socket.send(JSON.stringify({ type: Push.READY, data: { ...READY, cursor } }));
          socket.send(JSON.stringify({ type: Push.CURSOR, data: { cursor, live: true } }));
          if (isOdd) socket.send(odd.frame);
        },
        message() {},
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  close(): Promise<void> {
    return this.#server.stop(true);
  }
}

describe("a WebSocket on which something else speaks", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.close());

  const ODD: readonly [string, Odd][] = [
    ["a page", "<html>"],
    ["nothing", ""],
    ["null", "null"],
    ["half a frame", '{"type":4,"da'],
    ["bytes", new Uint8Array([0, 255, 1])],
  ];
  test.each(ODD)("SDK-27: %s ends the connection, not the program, and another one goes on", async (_, frame) => {
    const door = new OddDoor({ frame, ready: true, times: 2 }, stage.server.url);
    const watched = new WatchedClient({ url: door.url, token: stage.ben.token, transports: ["websocket"] });
    await watched.until(() => door.opened === 3 && watched.client.state.kind === "live", "a third connection");
    expect(watched.states.filter(({ kind }) => kind === "waiting")).toHaveLength(2);
    watched.client.stop();
    await door.close();
  });

  test.each(ODD)(
    "SDK-12: %s in place of READY is no better transport, and harms the one in use not",
    async (_, frame) => {
      const door = new OddDoor({ frame, ready: false, times: 3 }, stage.server.url);
      const options = { url: door.url, token: stage.ben.token, transports: ["websocket", "sse"] as const };
      const watched = new WatchedClient(options, { timing: { upgradeMs: 20, readyMs: 5_000 } });
      await watched.live("sse");
      await watched.live("websocket");
      expect([door.opened > 3, watched.states.some(({ kind }) => kind === "stopped")]).toEqual([true, false]);
      watched.client.stop();
      await door.close();
    },
  );
});
