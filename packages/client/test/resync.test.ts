import { describe, expect, test } from "bun:test";
import { roomStream, userStream } from "@parley/protocol";
import { say } from "../../server/test/harness.ts";
import { range, Stage } from "../../server/test/transports/stage.ts";
import type { TransportName } from "../src/connection/transports/transport.ts";
import type { Reloaded, ReloadedState } from "../src/reading/reload.ts";
import { answering } from "./rig/changed-fetch.ts";
import { Rig, ServerRig } from "./rig/rig.ts";

const NAMES: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"];

describe.each(NAMES)("RESYNC by %s", (transport) => {
  const rig = new ServerRig();
  const open = (more: object = {}) => rig.open({ transports: [transport], ...more });

  test("SDK-30: a cursor of another database: all state is read, and events go on behind it", async () => {
    const room = await rig.stage.room();
    await say(rig.stage.ann, room, "earlier");
    const watched = open({ cursor: "0123456789abcdef;*@5,room:7@99" });
    await watched.live();
    expect(watched.resyncs).toEqual([{ stream: "*", why: "epoch" }]);
    const [state] = watched.reloads as [ReloadedState];
    expect(state).toMatchObject({ everything: true, me: { uid: rig.stage.ben.uid } });
    const found = state.rooms.find(({ id }) => id === room);
    expect(found).toMatchObject({ unread: 1, lastMessage: { message: { body: { content: "earlier" } } } });
    await say(rig.stage.ann, room, "new");
    await watched.said(room, "new");
    expect(watched.texts(room)).toEqual(["new"]);
  });

  test("SDK-31: one room too far behind: that room's state is read, the others' events come", async () => {
    const [far, near] = [await rig.stage.room(), await rig.stage.room()];
    const cursor = await rig.stage.now();
    for (const at of range(1, 12)) await say(rig.stage.ann, far, `far ${at}`);
    await say(rig.stage.ann, near, "near");
    const watched = open({ cursor, max: 10 });
    await watched.live();
    await say(rig.stage.ann, far, "new");
    await watched.said(far, "new");
    expect(watched.resyncs).toEqual([{ stream: roomStream(far), why: "far" }]);
    expect(watched.reloads).toMatchObject([{ everything: false, roomIds: [far], rooms: [{ id: far, seq: 13 }] }]);
    expect(watched.texts(near)).toEqual(["near"]);
    expect(watched.texts(far)).toEqual(["new"]);
  });

  test("SDK-31: what the room's state contains already is not delivered", async () => {
    const [far, near] = [await rig.stage.room(), await rig.stage.room()];
    const cursor = await rig.stage.now();
    for (const at of range(1, 12)) await say(rig.stage.ann, far, `far ${at}`);
    const reload = async () => {
      await say(rig.stage.ann, far, "in the state");
      await say(rig.stage.ann, near, "near");
      const room = await rig.stage.ben.api.ok<{ id: number; seq: number; asOf: string }>("GET", `/rooms/${far}`);
      await say(rig.stage.ann, far, "after the state");
      return { asOf: room.asOf, rooms: [room] };
    };
    const watched = open({ cursor, max: 10, reload });
    await watched.said(far, "after the state");
    expect(watched.texts(far)).toEqual(["after the state"]);
    expect(watched.texts(near)).toEqual(["near"]);
  });

  test("SDK-32: an own `reload` takes the place of what the client reads; what fails is read again", async () => {
    const room = await rig.stage.room();
    const asked: unknown[] = [];
    const reload = async (what: unknown) => {
      asked.push(what);
      if (asked.length === 1) throw new Error("not yet");
      const { asOf } = await rig.stage.ben.api.ok<{ asOf: string }>("GET", "/rooms");
      await say(rig.stage.ann, room, "while it was read");
      return { asOf, rooms: [] };
    };
    const watched = open({ cursor: "0123456789abcdef;*@5", reload });
    await watched.said(room, "while it was read");
    expect(asked).toEqual([
      { everything: true, roomIds: [] },
      { everything: true, roomIds: [] },
    ]);
    expect(watched.texts(room)).toEqual(["while it was read"]);
  });

  test("SDK-32: what an own `reload` returns and is no state counts as a failure, and it is asked again", async () => {
    const now = await rig.stage.now();
    const wrong: unknown[] = [undefined, { asOf: "yesterday", rooms: [] }, { asOf: now }, { asOf: now, rooms: [null] }];
    const reload = async () => (wrong.length > 0 ? wrong.shift() : { asOf: now, rooms: [] }) as Reloaded;
    const options = { transports: [transport], cursor: "0123456789abcdef;*@5", reload };
    const watched = rig.open(options, { timing: { backoffFirstMs: 1 } });
    await watched.live(transport);
    expect([wrong, watched.reloads.length]).toEqual([[], 1]);
  });

  test("SDK-33: a cursor too long for a frame or an address is traded for a short one, and nothing is lost", async () => {
    const room = await rig.stage.room();
    const now = await rig.stage.now();
    await say(rig.stage.ann, room, "missed");
    const long = range(1, 1000).map((at) => `room:${900_000 + at}@1`);
    const watched = open({ cursor: `${now},${long.join(",")}` });
    await watched.live(transport);
    expect(watched.texts(room)).toEqual(["missed"]);
    expect(watched.client.cursor?.length).toBeLessThan(300);
    await say(rig.stage.ann, room, "new");
    await watched.said(room, "new");
    expect(watched.texts(room)).toEqual(["missed", "new"]);
    expect(watched.resyncs).toEqual([]);
  });
});

describe("RESYNC on a server of its own", () => {
  const rig = new Rig();

  test("SDK-2: a cursor stored right after a reload covers rooms that were read later than its `asOf`", async () => {
    const stage = rig.use(await Stage.open());
    const [room, other] = [await stage.room(), await stage.room()];
    const options = { url: stage.server.url, token: stage.ben.token };
    const reload = async () => {
      const { asOf } = await stage.ben.api.ok<{ asOf: string }>("GET", "/rooms");
      await say(stage.ann, room, "in the state");
      await say(stage.ann, other, "not in it");
      const { seq } = await stage.ben.api.ok<{ seq: number }>("GET", `/rooms/${room}`);
      return {
        asOf,
        rooms: [
          { id: room, seq },
          { id: 7_000, seq: null },
        ],
      };
    };
    const first = rig.watch({ ...options, cursor: "0123456789abcdef;*@5", reload });
    first.client.on("state", ({ kind }) => {
      if (kind === "connecting" && first.reloads.length > 0) first.client.stop();
    });
    await first.was("stopped");
    const { cursor = "" } = first.client;
    const later = rig.watch({ ...options, cursor });
    await later.live();
    await later.said(other, "not in it");
    expect([later.texts(room), first.texts(room), cursor.includes("room:7000")]).toEqual([[], [], false]);
  });

  test("SDK-33: a server that takes short frames only ends RESUME with 1009; the client does not repeat it", async () => {
    const stage = rig.use(await Stage.open({ MAX_FRAME_BYTES: "1024" }));
    const now = await stage.now();
    const long = range(1, 100).map((at) => `room:${900_000 + at}@1`);
    const options = { url: stage.server.url, token: stage.ben.token, transports: ["websocket"] as const };
    const watched = rig.watch({ ...options, cursor: `${now},${long.join(",")}` });
    await watched.live("websocket");
  });

  test("SDK-31: what cannot be continued in the user's stream may be about anything: all state is read", async () => {
    const stage = rig.use(await Stage.open());
    const cursor = await stage.now();
    for (const _ of range(1, 12)) await stage.room();
    const options = { url: stage.server.url, token: stage.ben.token };
    const watched = rig.watch({ ...options, cursor, max: 10 });
    await watched.live();
    expect(watched.resyncs[0]).toEqual({ stream: userStream(stage.ben.uid), why: "far" });
    const [state] = watched.reloads as [ReloadedState];
    expect(state.everything).toBe(true);
    expect(state.rooms).toHaveLength(13);
  });

  /** Passes requests on, with something done before one of them is made, or when it is answered. */
  function between(does: { asked?: (url: string) => Promise<void>; answered?: (url: string) => Promise<void> }) {
    return answering(async (url, _, real) => {
      await does.asked?.(url);
      const response = await real();
      const body = await response.arrayBuffer();
      await does.answered?.(url);
      return new Response(response.status === 204 ? null : body, response);
    });
  }

  test("SDK-30: what is unread is of the moment behind which events go on, whatever is said while state is read", async () => {
    const stage = rig.use(await Stage.open());
    const room = await stage.room();
    await say(stage.ann, room, "earlier");
    let said = 0;
    const answered = async (url: string) => {
      if (/\/api\/v1\/(rooms|unread|me)\b/.test(url)) await say(stage.ann, room, `while it is read ${++said}`);
    };
    const watched = rig.watch({
      url: stage.server.url,
      token: stage.ben.token,
      transports: ["websocket"],
      cursor: "0123456789abcdef;*@5",
      fetch: between({ answered }),
    });
    await watched.live();
    expect(said).toBeGreaterThan(1);
    await watched.said(room, `while it is read ${said}`);
    const [{ unread }] = watched.reloads as [ReloadedState];
    const counted = (unread?.total ?? 0) + watched.texts(room).length;
    const { total } = await stage.ben.api.ok<{ total: number }>("GET", "/unread");
    expect([counted, unread?.rooms]).toEqual([total, [{ roomId: room, unread: 1 }]]);
  });

  test("SDK-30: a room that moves from one page to another while they are read is in the state, with what is unread", async () => {
    const stage = rig.use(await Stage.open());
    const oldest = stage.lobby;
    for (const _ of range(1, 101)) await stage.room();
    let pages = 0;
    const asked = async (url: string) => {
      if (/\/rooms\?.*cursor=/.test(url) && pages++ === 0) await say(stage.ann, oldest, "moves up");
    };
    const watched = rig.watch({
      url: stage.server.url,
      token: stage.ben.token,
      transports: ["websocket"],
      cursor: "0123456789abcdef;*@5",
      fetch: between({ asked }),
    });
    await watched.live();
    const [state] = watched.reloads as [ReloadedState];
    expect(state.rooms).toHaveLength(102);
    expect(state.rooms.find(({ id }) => id === oldest)).toMatchObject({ unread: 1 });
    expect(state.unread).toMatchObject({ total: 1, rooms: [{ roomId: oldest, unread: 1 }], asOf: state.asOf });
    expect(watched.texts(oldest)).toEqual([]);
    // A hundred rooms are created one after the other.
  }, 20_000);
});
