import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { type Person, say, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
let room: number;
beforeAll(async () => {
  server = await TestServer.start();
  [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
  room = await server.room(ann, [ben]);
}, 30_000);
afterAll(() => server.stop());

const FIRST = [Push.LOGIN_SUCCESS, Push.READY, Push.RED_DOT];
const types = (live: LiveClient) => live.frames.map(({ type }) => type);

describe("the first frames", () => {
  test("GW-10: are LOGIN_SUCCESS, READY and RED_DOT, in this order, while messages pour in", async () => {
    let sending = true;
    const load = (async () => {
      for (let i = 0; sending; i++) await say(ann, room, `pour-${i}`);
    })();
    const opened = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const live = await server.connect(i % 2 === 0 ? { token: ben.token } : {});
        if (i % 2 === 1) live.send({ type: Command.AUTHORIZE, data: { token: ben.token } });
        await live.frame(Push.MESSAGE);
        return live;
      }),
    );
    sending = false;
    await load;
    for (const live of opened) expect(types(live).slice(0, 3)).toEqual(FIRST);
  });

  test("GW-11: READY says who, when and from where; the connection is live from its cursor", async () => {
    const before = Date.now();
    const [live, other] = await Promise.all([server.live(ben), server.live(ben)]);
    const { data } = await live.frame(Push.READY);
    expect(Object.keys(data).sort()).toEqual(
      ["connectionId", "cursor", "epoch", "heartbeatMs", "idleMs", "loginExpiresAt", "serverTime"].sort(),
    );
    expect(data).toMatchObject({ heartbeatMs: 10_000, idleMs: 30_000 });
    expect(data.cursor.startsWith(`${data.epoch};*@`)).toBe(true);
    expect(data.serverTime).toBeGreaterThanOrEqual(before - 1000);
    expect(data.connectionId).not.toBe((await other.frame(Push.READY)).data.connectionId);
  });

  test("GW-11: what is logged after READY's cursor comes, once; what was before does not", async () => {
    await say(ann, room, "before");
    let sent = 0;
    let sending = true;
    const load = (async () => {
      while (sending) await say(ann, room, `joining-${sent++}`);
    })();
    const readers = await Promise.all(Array.from({ length: 10 }, () => server.live(ben)));
    sending = false;
    await load;
    await say(ann, room, "the end");
    for (const live of readers) {
      await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "the end");
      const seqs = live.stream(`room:${room}`).map(({ seq }) => seq as number);
      expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] as number) + i));
      expect(live.of(Push.MESSAGE).map(({ data }) => data.message.body.content)).not.toContain("before");
    }
  });

  test("GW-11: RED_DOT counts what is unread, with the cursor it is as of", async () => {
    const cai = await server.person("cai");
    const unread = await server.room(ann, [cai]);
    await say(ann, unread, "one");
    await say(ann, unread, "two");
    const live = await server.live(cai);
    const { data } = await live.frame(Push.RED_DOT);
    expect(data).toMatchObject({
      total: 2,
      rooms: [{ roomId: unread, unread: 2 }],
      friendRequests: 0,
      notifications: 0,
    });
    expect(data.asOf).toStartWith((await live.frame(Push.READY)).data.epoch);
  });

  test("GW-12: frames that arrive while the token is checked wait, in order", async () => {
    const echo = JSON.stringify({ type: Command.TYPING, data: { roomId: 999_999 } });
    const patient = await server.connect();
    patient.send({ type: Command.AUTHORIZE, data: { token: ben.token } });
    for (let i = 0; i < 16; i++) patient.send(echo);
    await patient.until(() => patient.of(Push.ERROR).length === 16, "16 answers");
    // The answers show that the token was accepted: anonymous connections get `unauthorized`.
    expect(patient.of(Push.ERROR).map(({ data }) => data.code)).toEqual(Array(16).fill("not_found"));
    expect(types(patient).slice(0, 3)).toEqual(FIRST);
    expect(patient.closed).toBeUndefined();
  });

  test("GW-12: heartbeats do not count as waiting", async () => {
    const live = await server.connect();
    live.send({ type: Command.AUTHORIZE, data: { token: ben.token } });
    for (let i = 0; i < 30; i++) live.send({ type: Command.HEARTBEAT });
    await live.frame(Push.RED_DOT);
    await live.echo();
    expect(live.closed).toBeUndefined();
  });
});

test("GW-13: frames that are not logged carry neither stream nor seq, events carry both", async () => {
  const live = await server.live(ben);
  await say(ann, room, "an event");
  await live.frame(Push.MESSAGE);
  live.send({ type: 999 });
  await live.frame(Push.ERROR);
  for (const frame of live.frames) {
    const logged = ([Push.MESSAGE, Push.MEMBER_CHANGE] as number[]).includes(frame.type);
    expect(["stream" in frame, "seq" in frame]).toEqual([logged, logged]);
  }
});
