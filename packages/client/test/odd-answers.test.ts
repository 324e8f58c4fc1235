import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { floorCursor, Push, roomStream } from "@parley/protocol";
import { say } from "../../server/test/harness.ts";
import { range, Stage } from "../../server/test/transports/stage.ts";
import type { TransportName } from "../src/connection/transports/transport.ts";
import { Between } from "./between.ts";
import { WatchedClient } from "./watched-client.ts";

const EPOCH = "0123456789abcdef";

describe("what stands between answers as it likes", () => {
  let stage: Stage;
  let between: Between;
  beforeAll(async () => {
    stage = await Stage.open();
    between = new Between(stage.server.url);
  });
  afterAll(async () => {
    await between.close();
    await stage.close();
  });
  beforeEach(() => {
    between.answer = () => undefined;
  });
  const open = (transport: TransportName, more: object = {}, timing: object = {}) =>
    new WatchedClient({ url: between.url, token: stage.ben.token, transports: [transport], ...more }, { timing });

  const ODD: readonly [string, BodyInit | null][] = [
    ["an empty object", "{}"],
    ["nothing", null],
    ["a text", '"welcome"'],
    ["a page", "<!doctype html>"],
    ["events without a cursor", '{"events":[],"more":false}'],
    ["an event that is none", '{"events":[null],"cursor":"x","more":false}'],
    ["a cursor that is none", '{"events":[],"cursor":"x","more":false}'],
  ];
  test.each(ODD)(
    "SDK-27: a success that is not the server's (%s) ends a connection by polls, not the client",
    async (_, body) => {
      const room = await stage.room();
      const watched = open("long-poll");
      await watched.live();
      const states = watched.states.length;
      let odd = 0;
      between.answer = ({ wait }) => {
        if (wait === 0 && odd > 3) return undefined;
        odd += 1;
        return Promise.resolve(new Response(body, { headers: { "Content-Type": "application/json" } }));
      };
      // The poll that hangs comes back with this, and all that follow are answered oddly for a while.
      await say(stage.ann, room, "wakes it");
      await watched.until(() => watched.states.slice(states).some(({ kind }) => kind === "waiting"), "waiting");
      between.answer = () => undefined;
      await watched.live("long-poll");
      await say(stage.ann, room, "after it");
      await watched.said(room, "after it");
      expect(watched.texts(room)).toEqual(["wakes it", "after it"]);
      watched.client.stop();
    },
  );

  test.each([["long-poll"], ["short-poll"]] as const)(
    "SDK-10: a %s backfill may take long, as long as its replies come",
    async (transport) => {
      const room = await stage.room();
      const first = open(transport);
      await first.live();
      const { cursor } = first.client;
      first.client.stop();
      const said = range(1, 8).map((at) => `text ${at}`);
      for (const text of said) await say(stage.ann, room, text);
      let pages = 0;
      between.answer = async (_, real) => {
        // One event a page, each a little less than READY may take.
        const { events, ...more } = (await (await real()).json()) as { events: { stream: string; seq: number }[] };
        await Bun.sleep(pages < 8 ? 150 : 0);
        pages += 1;
        const [head] = events;
        if (!head || events.length === 1) return Response.json({ events, ...more });
        return Response.json({ events: [head], cursor: `${cursor},${head.stream}@${head.seq}`, more: true });
      };
      const lower: TransportName[] = transport === "long-poll" ? [transport, "short-poll"] : [transport];
      const second = open(transport, { cursor, transports: lower }, { readyMs: 400 });
      await second.said(room, "text 2");
      expect(second.states.map(({ kind }) => kind)).toEqual(["connecting", "catching-up"]);
      await second.live();
      expect(second.texts(room)).toEqual(said);
      expect(second.states.map(({ kind }) => kind)).toEqual(["connecting", "catching-up", "live"]);
      expect(second.client.state).toEqual({ kind: "live", transport });
      second.client.stop();
    },
  );

  test("SDK-5: where a reply leaves out what was before somebody's joining, the client asks again", async () => {
    const person = await stage.person();
    const room = await stage.room();
    const watched = open("short-poll");
    await watched.live();
    await say(stage.ann, room, "one");
    await watched.said(room, "one");
    let left = 0;
    const { promise: written, resolve: release } = Promise.withResolvers<void>();
    between.answer = async (_, real) => {
      await written;
      const reply = (await (await real()).json()) as { events: { type: number }[] };
      const at = reply.events.findIndex(({ type }) => type === Push.MEMBER_CHANGE);
      if (left > 0 || at < 1) return Response.json(reply);
      left = at;
      return Response.json({ ...reply, events: reply.events.slice(at) });
    };
    await say(stage.ann, room, "two");
    await stage.ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [person.uid] });
    await say(stage.ann, room, "three");
    release();
    await watched.said(room, "three");
    expect(left).toBe(1);
    expect(watched.texts(room)).toEqual(["one", "two", "three"]);
    const seqs = watched.seqs(roomStream(room));
    expect(seqs).toEqual(range(seqs[0] as number, seqs.at(-1) as number));
    watched.client.stop();
  });
});

test("SDK-33: where a long cursor is traded for a long one there are pauses", async () => {
  const cursor = `${floorCursor(EPOCH, 5)},${range(1, 900).map((room) => `room:${room}@1`)}`;
  let polls = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      polls += 1;
      return Response.json({ events: [], cursor, more: false });
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const watched = new WatchedClient({ url, token: "t", transports: ["websocket"], cursor });
  await watched.until(() => watched.states.filter(({ kind }) => kind === "waiting").length > 2, "some pauses");
  expect(polls).toBeLessThan(6);
  watched.client.stop();
  await server.stop(true);
});

test("SDK-30: RESYNCs that come together are acted on together, a while after the last one", async () => {
  const streams = ["room:1", "room:2", "room:3"];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, server) {
      const headers = { "Sec-WebSocket-Protocol": "parley" };
      return server.upgrade(request, { headers }) ? undefined : new Response("", { status: 404 });
    },
    websocket: {
      async open(socket) {
        const send = (type: number, data: object) => socket.send(JSON.stringify({ type, data }));
        const cursor = floorCursor(EPOCH, 5);
        send(Push.READY, { connectionId: "1", epoch: EPOCH, serverTime: 0, heartbeatMs: 1e6, idleMs: 1e6, cursor });
        for (const stream of streams) {
          send(Push.RESYNC, { stream, seq: 1, why: "far" });
          await Bun.sleep(250);
        }
      },
      message() {},
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const rooms = [1, 2, 3];
  const asked: (readonly number[])[] = [];
  const reload = async ({ roomIds }: { roomIds: readonly number[] }) => {
    asked.push(roomIds);
    return { asOf: floorCursor(EPOCH, 5), rooms: rooms.map((id) => ({ id, seq: 1 })) };
  };
  const options = { url, token: "t", transports: ["websocket" as const], reload };
  const watched = new WatchedClient(options, { timing: { resyncGatherMs: 450 } });
  await watched.until(() => watched.reloads.length > 0, "a reload");
  expect(asked[0]).toEqual(rooms);
  watched.client.stop();
  await server.stop(true);
});
