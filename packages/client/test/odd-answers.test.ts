import { beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Push, roomStream } from "@parley/protocol";
import { withDeadline } from "../../server/src/lib/interval.ts";
import { say } from "../../server/test/harness.ts";
import { range } from "../../server/test/transports/stage.ts";
import type { TransportName } from "../src/connection/transports/transport.ts";
import { answering, pollOf } from "./rig/changed-fetch.ts";
import { FakeServer } from "./rig/fake-server.ts";
import { CURSOR, frame, READY } from "./rig/frames.ts";
import { Rig, ServerRig } from "./rig/rig.ts";

describe("what stands between answers as it likes", () => {
  const rig = new ServerRig();
  type Answer = (ask: { wait: number }, real: () => Promise<Response>) => Promise<Response> | undefined;
  /** What comes in place of the server's answer to a poll; undefined: the server's own answer. */
  let answer: Answer = () => undefined;
  beforeEach(() => {
    answer = () => undefined;
  });
  const fetch = answering((url, init, real) => {
    const ask = pollOf(url, init);
    return ask && answer(ask, real);
  });
  const open = (transport: TransportName, more: object = {}, timing: object = {}) =>
    rig.open({ fetch, transports: [transport], ...more }, { timing });

  const ODD: readonly [string, BodyInit | null][] = [
    ["an empty object", "{}"],
    ["nothing", null],
    ["a text", '"welcome"'],
    ["a page", "<!doctype html>"],
    ["events without a cursor", '{"events":[],"more":false}'],
    ["a malformed event", '{"events":[null],"cursor":"x","more":false}'],
    ["a malformed cursor", '{"events":[],"cursor":"x","more":false}'],
  ];
  test.each(ODD)(
    "SDK-27: a success that is not the server's (%s) ends a connection by polls, not the client",
    async (_, body) => {
      const room = await rig.stage.room();
      const watched = open("long-poll");
      await watched.live();
      const states = watched.states.length;
      let odd = 0;
      answer = ({ wait }) => {
        if (wait === 0 && odd > 3) return undefined;
        odd += 1;
        return Promise.resolve(new Response(body, { headers: { "Content-Type": "application/json" } }));
      };
      // The poll that hangs comes back with this answer, and for a while all that follow are answered oddly too.
      await say(rig.stage.ann, room, "wakes it");
      await watched.until(() => watched.states.slice(states).some(({ kind }) => kind === "waiting"), "waiting");
      answer = () => undefined;
      await watched.live("long-poll");
      await say(rig.stage.ann, room, "after it");
      await watched.said(room, "after it");
      expect(watched.texts(room)).toEqual(["wakes it", "after it"]);
    },
  );

  test.each([["long-poll"], ["short-poll"]] as const)(
    "SDK-10: a %s backfill may take long, as long as its replies come",
    async (transport) => {
      const room = await rig.stage.room();
      const first = open(transport);
      await first.live();
      const { cursor } = first.client;
      first.client.stop();
      const said = range(1, 8).map((at) => `text ${at}`);
      for (const text of said) await say(rig.stage.ann, room, text);
      let pages = 0;
      answer = async (_, real) => {
        // One event a page; all of them take longer than READY may take, and each of them much less.
        const { events, ...more } = (await (await real()).json()) as { events: { stream: string; seq: number }[] };
        await Bun.sleep(pages < 8 ? 250 : 0);
        pages += 1;
        const [head] = events;
        if (!head || events.length === 1) return Response.json({ events, ...more });
        return Response.json({ events: [head], cursor: `${cursor},${head.stream}@${head.seq}`, more: true });
      };
      const lower: TransportName[] = transport === "long-poll" ? [transport, "short-poll"] : [transport];
      const second = open(transport, { cursor, transports: lower }, { readyMs: 1_700 });
      await second.said(room, "text 2");
      expect(second.states.map(({ kind }) => kind)).toEqual(["connecting", "catching-up"]);
      await second.live();
      expect(second.texts(room)).toEqual(said);
      expect(second.states.map(({ kind }) => kind)).toEqual(["connecting", "catching-up", "live"]);
      expect(second.client.state).toEqual({ kind: "live", transport });
    },
    20_000,
  );

  test("SDK-5: where a reply leaves out what was before somebody's joining, the client asks again", async () => {
    const person = await rig.stage.person();
    const room = await rig.stage.room();
    const watched = open("short-poll");
    await watched.live();
    await say(rig.stage.ann, room, "one");
    await watched.said(room, "one");
    let left = 0;
    const { promise: written, resolve: release } = Promise.withResolvers<void>();
    answer = async (_, real) => {
      await written;
      const reply = (await (await real()).json()) as { events: { type: number }[] };
      const at = reply.events.findIndex(({ type }) => type === Push.MEMBER_CHANGE);
      if (left > 0 || at < 1) return Response.json(reply);
      left = at;
      return Response.json({ ...reply, events: reply.events.slice(at) });
    };
    await say(rig.stage.ann, room, "two");
    await rig.stage.ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [person.uid] });
    await say(rig.stage.ann, room, "three");
    release();
    await watched.said(room, "three");
    expect(left).toBe(1);
    expect(watched.texts(room)).toEqual(["one", "two", "three"]);
    const seqs = watched.seqs(roomStream(room));
    expect(seqs).toEqual(range(seqs[0] as number, seqs.at(-1) as number));
  });
});

describe("servers that are odd", () => {
  const rig = new Rig();

  test("SDK-33: where a long cursor is traded for a long one there are pauses", async () => {
    const cursor = `${CURSOR},${range(1, 900).map((room) => `room:${room}@1`)}`;
    let polls = 0;
    const answer = () => {
      polls += 1;
      return Response.json({ events: [], cursor, more: false });
    };
    const { url } = rig.use(new FakeServer({ answer }));
    const watched = rig.watch({ url, token: "t", transports: ["websocket"], cursor });
    await watched.until(() => watched.states.filter(({ kind }) => kind === "waiting").length > 2, "some pauses");
    expect(polls).toBeLessThan(6);
  });

  test("SDK-30: RESYNCs that come together are acted on together, a while after the last one", async () => {
    const sockets: { send(text: string): unknown }[] = [];
    const { url } = rig.use(
      new FakeServer({
        answer: () => new Response("", { status: 404 }),
        socket: (socket) => {
          sockets.push(socket);
          socket.send(READY);
        },
      }),
    );
    const rooms = [1, 2, 3];
    const asked: (readonly number[])[] = [];
    const reload = async ({ roomIds }: { roomIds: readonly number[] }) => {
      asked.push(roomIds);
      return { asOf: CURSOR, rooms: rooms.map((id) => ({ id, seq: 1 })) };
    };
    const options = { url, token: "t", transports: ["websocket" as const], reload };
    const resyncGatherMs = 3_600_000;
    using set = spyOn(globalThis, "setTimeout");
    using cleared = spyOn(globalThis, "clearTimeout");
    const waits = () =>
      set.mock.calls.flatMap(([run, ms], at) =>
        ms === resyncGatherMs ? [{ run: run as () => void, timer: set.mock.results[at]?.value as unknown }] : [],
      );
    const left = () => waits().filter(({ timer }) => !cleared.mock.calls.some(([one]) => one === timer));
    const watched = rig.watch(options, { timing: { resyncGatherMs } });
    await watched.until(() => watched.pushes.length > 0, "READY");
    for (const room of rooms) {
      sockets[0]?.send(frame(Push.RESYNC, { stream: `room:${room}`, seq: 1, why: "far" }));
      while (waits().length < room) await Bun.sleep(1);
      // Each one begins the time anew.
      expect([waits().length, left().length, asked]).toEqual([room, 1, []]);
    }
    left()[0]?.run();
    await watched.until(() => watched.reloads.length > 0, "a reload");
    expect(asked[0]).toEqual(rooms);
  });

  test.each([
    [7_000, "/ws"],
    [7_001, "/api/v1/events"],
  ])("SDK-33: a cursor of %d characters goes to %s first", async (length, path) => {
    let cursor = CURSOR;
    for (let room = 100_000; length - cursor.length > 23; room++) cursor += `,room:${room}@1`;
    cursor += `,room:1@${"4".repeat(length - cursor.length - 8)}`;
    const server = rig.use(new FakeServer({ answer: () => new Response("", { status: 503 }), socket: () => {} }));
    rig.watch({ url: server.url, token: "t", transports: ["websocket"], cursor });
    await withDeadline(server.asking, 4_500, "a request");
    expect([cursor.length, server.asked[0]?.path]).toEqual([length, path]);
  });

  test.each(["trimmed", "far", "ahead", "rejoined"])(
    "SDK-31: whatever the reason (%s), a RESYNC for a room is told as it came, and events go on behind it",
    async (why) => {
      const event = (seq: number) => JSON.stringify({ type: Push.RECALL, data: {}, stream: "room:7", seq });
      const { url } = rig.use(
        new FakeServer({
          answer: () => new Response("", { status: 404 }),
          socket(socket, nth) {
            socket.send(READY);
            if (nth === 1)
              for (const text of [event(3), frame(Push.RESYNC, { stream: "room:7", seq: 8, why })]) socket.send(text);
            else for (const text of [event(8), event(9)]) socket.send(text);
          },
        }),
      );
      const asked: unknown[] = [];
      const reload = async (what: object) => {
        asked.push(what);
        return { asOf: CURSOR, rooms: [] };
      };
      const watched = rig.watch({ url, token: "t", transports: ["websocket"], reload });
      await watched.until(() => watched.seqs("room:7").includes(9), "the event behind it");
      expect(asked).toEqual([{ everything: false, roomIds: [7] }]);
      expect(watched.resyncs).toEqual([{ stream: "room:7", why }] as never);
      expect(watched.seqs("room:7")).toEqual([3, 9]);
    },
  );
});
