import { describe, expect, test } from "bun:test";
import { Push, roomStream } from "@parley/protocol";
import { say } from "../../server/test/harness.ts";
import { range } from "../../server/test/transports/stage.ts";
import type { Internals } from "../src/options.ts";
import { FakeServer } from "./rig/fake-server.ts";
import { CURSOR, frame, LIVE, READY } from "./rig/frames.ts";
import { Returns } from "./rig/returns.ts";
import { ServerRig } from "./rig/rig.ts";
import { SILENT, type WatchedClient } from "./rig/watched-client.ts";

describe("the fallback from transport to transport", () => {
  const rig = new ServerRig();
  let watched: WatchedClient;
  const open = (more: object = {}, internals: Internals = {}) => {
    watched = rig.open(more, internals);
    return watched;
  };
  const kinds = () => watched.states.flatMap((state) => (state.kind === "live" ? [state.transport] : []));

  test("SDK-10: where upgrades are refused the client reads by an event stream", async () => {
    rig.door.treated.set("websocket", "refuse");
    await open().live("sse");
    expect(rig.door.lines.slice(0, 2)).toEqual(["GET /ws", "GET /websocket"]);
    expect(rig.door.asked.websocket).toBe(2);
  });

  test("SDK-17: behind a proxy that passes on /websocket alone, there is a WebSocket, without a step down", async () => {
    rig.door.refusedPaths.add("/ws");
    await open().live("websocket");
    expect([rig.door.asked.websocket, rig.door.asked.sse, kinds()]).toEqual([2, 0, ["websocket"]]);
    rig.door.cut();
    await watched.until(() => rig.door.asked.websocket === 3 && watched.client.state.kind === "live", "another one");
  });

  test("SDK-17: a path that is given is the one that is asked for", async () => {
    await open({ webSocketPath: "/websocket" }).live("websocket");
    expect(rig.door.lines[0]).toBe("GET /websocket");
  });

  test("SDK-10: what opens and shows no READY in time is held back somewhere: the next one takes its place", async () => {
    rig.door.treated.set("websocket", "hold-back").set("sse", "hold-back");
    await open({}, { timing: SILENT }).live("long-poll");
    expect(kinds()).toEqual(["long-poll"]);
  }, 20_000);

  const waits = () => watched.states.filter(({ kind }) => kind === "waiting").length;

  test("SDK-10: what has carried before and shows no READY in time is tried once more, after a wait", async () => {
    await open({}, { timing: SILENT }).live("websocket");
    rig.door.treated.set("websocket", "hold-back");
    rig.door.cut();
    await watched.until(() => waits() === 2, "a wait after the silent one");
    expect([rig.door.asked.websocket, rig.door.asked.sse]).toEqual([2, 0]);
    rig.door.treated.clear();
    await watched.live("websocket");
    expect(rig.door.asked.sse).toBe(0);
  }, 20_000);

  test("SDK-10: where it is silent again, the next one takes its place", async () => {
    await open({}, { timing: SILENT }).live("websocket");
    rig.door.treated.set("websocket", "hold-back");
    rig.door.cut();
    await watched.live("sse");
    expect([rig.door.asked.websocket, waits()]).toEqual([3, 2]);
  }, 20_000);

  test("SDK-10: where long polls do not come back, short ones do", async () => {
    const room = await rig.stage.room();
    rig.door.treated.set("websocket", "refuse").set("sse", "refuse").set("poll", "cut-hanging");
    await open().live("short-poll");
    await say(rig.stage.ann, room, "by short polls");
    await watched.said(room, "by short polls");
  });

  test("SDK-11: a network that is down is no reason to step down", async () => {
    rig.door.down = true;
    open();
    await watched.until(() => watched.states.filter(({ kind }) => kind === "waiting").length > 4, "some tries");
    rig.door.down = false;
    await watched.live("websocket");
    expect(rig.door.asked.sse).toBe(0);
  });

  test("SDK-11: a bare 503 of a proxy means wait, not step down", async () => {
    for (const kind of ["websocket", "sse", "poll"] as const) rig.door.treated.set(kind, "busy");
    open();
    await watched.until(() => watched.states.some((state) => state.kind === "waiting" && state.why === "busy"), "busy");
    rig.door.treated.clear();
    await watched.live("websocket");
    expect(rig.door.asked.sse).toBe(0);
  });

  test("SDK-12: it goes back to the best in time, and over all changes each event comes once and in order", async () => {
    const room = await rig.stage.room();
    rig.door.treated.set("websocket", "refuse").set("sse", "hold-back");
    open({}, { timing: { ...SILENT, upgradeMs: 150 } });
    await watched.live("long-poll");
    let saying = true;
    const load = (async () => {
      for (let at = 0; saying; at++) await say(rig.stage.ann, room, `at ${at}`);
    })();
    rig.door.treated.delete("sse");
    await watched.live("sse");
    rig.door.treated.delete("websocket");
    await watched.live("websocket");
    rig.door.treated.set("websocket", "refuse");
    rig.door.cut();
    await watched.live("sse");
    rig.door.treated.delete("websocket");
    await watched.live("websocket");
    saying = false;
    await load;
    await say(rig.stage.ann, room, "the end");
    await watched.said(room, "the end");
    expect(watched.texts(room)[0]).toBe("at 0");
    const seqs = watched.seqs(roomStream(room));
    expect(seqs).toEqual(range(seqs[0] as number, seqs.at(-1) as number));
  }, 20_000);

  test("SDK-12: it goes back in time where streams are cut more often than that", async () => {
    rig.door.treated.set("websocket", "refuse");
    await open({}, { timing: { upgradeMs: 900 } }).live("sse");
    rig.door.treated.clear();
    const before = rig.door.asked.websocket;
    const cutting = setInterval(() => rig.door.cut(), 150);
    try {
      await watched.until(() => rig.door.asked.websocket > before, "another try of the better one");
    } finally {
      clearInterval(cutting);
    }
    await watched.live("websocket");
  }, 20_000);

  test("SDK-12: a probe goes on when it pushes out the connection in use, as where a user may have one", async () => {
    const streams: ReadableStreamDefaultController[] = [];
    const poll = { events: [], cursor: CURSOR, more: false };
    const server = rig.use(
      new FakeServer({
        answer: ({ url }) => {
          if (!url.includes("/events/stream")) return Response.json(poll);
          const start = (body: ReadableStreamDefaultController) => {
            streams.push(body);
            body.enqueue(`data: ${READY}\n\ndata: ${LIVE}\n\n`);
          };
          return new Response(new ReadableStream({ start }), { headers: { "Content-Type": "text/event-stream" } });
        },
        async socket(socket, nth) {
          // The first one fails, so that there is a better transport to go back to.
          if (nth === 1) return socket.close(1011);
          if (nth === 2) {
            streams.at(-1)?.enqueue(`data: ${frame(Push.ERROR, { code: "too_many_connections", message: "" })}\n\n`);
            await Bun.sleep(50);
          }
          for (const text of [READY, LIVE]) socket.send(text);
        },
      }),
    );
    const options = { url: server.url, transports: ["websocket", "sse"] as const };
    watched = rig.open(options, { timing: { upgradeMs: 100 } });
    await watched.live("sse");
    await watched.live("websocket");
    expect([server.sockets, watched.states.some(({ kind }) => kind === "stopped")]).toEqual([3, false]);
  });

  test("SDK-12: the return of the network is a reason to try better ones at once", async () => {
    const returns = new Returns();
    rig.door.treated.set("websocket", "refuse");
    await open({}, { surroundings: returns.surroundings }).live("sse");
    rig.door.treated.clear();
    returns.tell("online");
    await watched.live("websocket");
  });
});
