import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { uptimeMs } from "../src/lib/uptime.ts";
import { DotRound } from "../src/unread/dot-round.ts";
import { type Person, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";
import { type Door, openDoor, personAtDoor } from "./server-door.ts";

let server: TestServer;
let door: Door;
let made = 0;
let ada: Person;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
}, 30_000);
afterAll(() => server.stop());
beforeEach(async () => {
  made += 1;
  ada = await personAtDoor(server, door, `ada-${made}`);
});

const NOTICE = { kind: "approval", title: "A request", text: "" };
const notify = (more: object = {}) =>
  door.ok<{ id: number }>("POST", "/notifications", { ...NOTICE, to: { users: [ada.uid] }, ...more });
const dots = (live: LiveClient) => live.of(Push.RED_DOT).map(({ data }) => data.notifications);

describe("RED_DOT", () => {
  test("NTF-20: says at the beginning how many are not seen, and again when that has changed", async () => {
    const { id } = await notify();
    const live = await server.live(ada);
    expect(dots(live)).toEqual([1]);
    await notify();
    await live.frame(Push.RED_DOT, ({ data }) => data.notifications === 2);
    await ada.api.ok("PUT", "/notifications/seen", { upTo: id });
    const { data, stream } = await live.frame(
      Push.RED_DOT,
      (frame) => frame !== live.of(Push.RED_DOT)[0] && frame.data.notifications === 1,
    );
    expect([stream, data]).toEqual([
      undefined,
      { total: 0, rooms: [], friendRequests: 0, notifications: 1, asOf: expect.any(String) },
    ]);
    expect(dots(live)).toEqual([1, 2, 1]);
  }, 20_000);

  test("NTF-20: many at once are told together, and one to everybody says itself that there is one more", async () => {
    const live = await server.live(ada);
    const beganMs = uptimeMs();
    await Promise.all(Array.from({ length: 20 }, () => notify()));
    await live.frame(Push.RED_DOT, ({ data }) => data.notifications === 20);
    // It is told when the connection begins, and once in each second since then.
    expect(dots(live).length).toBeLessThanOrEqual(2 + Math.ceil((uptimeMs() - beganMs) / 1000));
    const before = dots(live).length;
    await notify({ to: { all: true } });
    await live.until(() => live.of(Push.NOTIFICATION).length === 21, "the last one");
    await notify();
    await live.frame(Push.RED_DOT, ({ data }) => data.notifications === 22);
    expect(dots(live).length).toBe(before + 1);
  }, 20_000);
});

/** A round whose reading and announcing the test decides. */
function round() {
  const told: string[] = [];
  const state = { asOf: 5, reads: 0, here: true };
  const dot = () => ({ total: 0, rooms: [], friendRequests: 0, notifications: 1 });
  const held = { reading: Promise.resolve() };
  const dotRound = new DotRound({
    isHere: () => state.here,
    redDotOf: async () => {
      state.reads += 1;
      await held.reading;
      return { ...dot(), asOf: `0123456789abcdef;*@${state.asOf}` };
    },
    whenAnnounced: async () => {},
    publish: (stream, frame) => void told.push(`${stream} ${JSON.parse(frame).data.asOf.split("@")[1]}`),
    onError: (error) => {
      throw error;
    },
  });
  const event = (pos: number, stream = "user:20001", type: number = Push.NOTIFICATION, data = "{}") =>
    dotRound.onEvent({
      pos,
      stream,
      type,
      data,
      seq: 1,
      messageId: null,
      author: null,
      storesData: true,
      cacheable: true,
      at: 1,
    });
  return { dotRound, told, state, held, event };
}

describe("a round", () => {
  test("NTF-20: what is older than an event that its reader has had is not told, but read again", async () => {
    for (const later of ["user:20001", "all"]) {
      const { dotRound, told, state, held, event } = round();
      event(5);
      const { promise, resolve } = Promise.withResolvers<void>();
      held.reading = promise;
      const telling = dotRound.tell();
      event(6, later);
      resolve();
      await telling;
      expect(told).toEqual([]);
      state.asOf = 6;
      await dotRound.tell();
      expect(told).toEqual(["user:20001 6"]);
      await dotRound.tell();
      expect(state.reads).toBe(2);
    }
  });

  test("NTF-20: is about people who are here, and about changes of these counters", async () => {
    const { dotRound, told, state, event } = round();
    event(1, "room:7");
    event(2, "user:20001", Push.MESSAGE);
    event(3, "user:20001", Push.SELF, '{"roomId":7,"readSeq":3,"unread":0}');
    event(4, "all");
    await dotRound.tell();
    expect(state.reads).toBe(0);
    event(5, "user:20001", Push.SELF, '{"notificationsSeen":3,"unseen":0}');
    state.here = false;
    event(6, "user:20002");
    await dotRound.tell();
    expect([told, state.reads]).toEqual([[], 0]);
  });

  test("NTF-20: tells at most 500 people, and the others in the next one", async () => {
    const { dotRound, told, event } = round();
    for (let n = 0; n < 700; n++) event(1, `user:${20_000 + n}`);
    await Promise.all([dotRound.tell(), dotRound.tell()]);
    expect(told).toHaveLength(500);
    await dotRound.tell();
    expect(told).toHaveLength(700);
    expect(new Set(told).size).toBe(700);
  });
});
