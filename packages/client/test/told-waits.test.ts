import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import type { TransportName } from "../src/index.ts";
import { FakeServer, type Socket } from "./rig/fake-server.ts";
import { CURSOR, frame, LIVE, READY } from "./rig/frames.ts";
import { Returns } from "./rig/returns.ts";
import { Rig } from "./rig/rig.ts";

const DRAIN = frame(Push.DRAIN, { retryAfterMs: 300, cursor: CURSOR });

const rig = new Rig();

/** A client of a server that answers `GET /me`, and treats every connection in the same way. */
function turning(transport: TransportName, does: { socket: (socket: Socket) => void; other: () => Response }) {
  /** When the last connection was ended, by `performance.now`. */
  const ended = { at: 0 };
  const server = rig.use(
    new FakeServer({
      answer: ({ url }) => {
        if (url.endsWith("/me")) return Response.json({ uid: 1 });
        ended.at = performance.now();
        return does.other();
      },
      socket: (socket) => {
        does.socket(socket);
        ended.at = performance.now();
      },
    }),
  );
  const returns = new Returns();
  const surroundings = { random: () => 0, ...returns.surroundings };
  const watched = rig.watch({ url: server.url, token: "t", transports: [transport] }, { surroundings });
  return { watched, returns, ended, asked: () => server.asked.filter(({ path }) => !path.endsWith("/me")) };
}

test.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
  "SDK-24: neither network, nor person, nor an answer that is back cuts a wait short that the server asked for, by %s",
  async (transport) => {
    const { watched, returns, asked } = turning(transport, {
      socket: (socket) => socket.close(1013, "retry=600000"),
      other: () => new Response("", { status: 503, headers: { "Retry-After": "600" } }),
    });
    const wait = await watched.was("waiting");
    expect(wait.until).toBeGreaterThan(Date.now() + 590_000);
    const before = asked().length;
    returns.tell("online");
    returns.tell("focus");
    // If the wait had been cut short, its next connection would be under way before these are answered.
    for (const _ of [1, 2]) await watched.client.request("GET /me");
    expect([watched.client.state, asked().length]).toEqual([wait, before]);
  },
);

test.each(["websocket", "sse"] as const)(
  "SDK-21: after DRAIN nothing connects before its time, whoever is back, by %s",
  async (transport) => {
    const { watched, returns, ended, asked } = turning(transport, {
      socket(socket) {
        for (const text of [READY, LIVE, DRAIN]) socket.send(text);
        socket.close(1012, "");
      },
      other() {
        const headers = { "Content-Type": "text/event-stream" };
        return new Response([READY, DRAIN].map((text) => `data: ${text}\n\n`).join(""), { headers });
      },
    });
    expect((await watched.was("waiting")).why).toBe("restart");
    const endedAt = ended.at;
    returns.tell("online");
    returns.tell("focus");
    await watched.client.request("GET /me");
    await watched.until(() => asked().length > 1 && watched.client.state.kind === "waiting", "another one");
    // A timer may be a millisecond early.
    expect((asked()[1]?.at as number) - endedAt).toBeGreaterThanOrEqual(299);
  },
);
