import { describe, expect, test } from "bun:test";
import { FakeServer, passOn } from "./rig/fake-server.ts";
import { LIVE, READY } from "./rig/frames.ts";
import { ServerRig } from "./rig/rig.ts";

type Odd = string | Uint8Array;

describe("a WebSocket on which something else speaks", () => {
  const rig = new ServerRig();
  /** Passes requests on, and sends an odd frame on the first connections, before or after READY; later ones are normal. */
  const oddServer = (odd: { frame: Odd; ready: boolean; times: number }) =>
    rig.use(
      new FakeServer({
        answer: (request) => passOn(request, rig.stage.server.url),
        socket: (socket, nth) => {
          const isOdd = nth <= odd.times;
          if (!isOdd || odd.ready) for (const text of [READY, LIVE]) socket.send(text);
          if (isOdd) socket.send(odd.frame);
        },
      }),
    );

  const ODD: readonly [string, Odd][] = [
    ["a page", "<html>"],
    ["nothing", ""],
    ["null", "null"],
    ["half a frame", '{"type":4,"da'],
    ["bytes", new Uint8Array([0, 255, 1])],
  ];
  test.each(ODD)("SDK-27: %s ends the connection, not the program, and another one goes on", async (_, frame) => {
    const server = oddServer({ frame, ready: true, times: 2 });
    const watched = rig.open({ url: server.url, transports: ["websocket"] });
    await watched.until(() => server.sockets === 3 && watched.client.state.kind === "live", "a third connection");
    expect(watched.states.filter(({ kind }) => kind === "waiting")).toHaveLength(2);
  });

  test.each(ODD)(
    "SDK-12: %s in place of READY is no better transport, and harms the one in use not",
    async (_, frame) => {
      const server = oddServer({ frame, ready: false, times: 3 });
      const options = { url: server.url, transports: ["websocket", "sse"] as const };
      const watched = rig.open(options, { timing: { upgradeMs: 20, readyMs: 5_000 } });
      await watched.live("sse");
      await watched.live("websocket");
      expect([server.sockets > 3, watched.states.some(({ kind }) => kind === "stopped")]).toEqual([true, false]);
    },
  );
});
