import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Command, HALL_ROOM_ID, Push } from "@parley/protocol";
import { type Person, say, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";

const HALL = `room:${HALL_ROOM_ID}`;
const texts = (live: LiveClient) => live.of(Push.MESSAGE).map(({ data }) => data.message.body.content);
const hears = (live: LiveClient, text: string) =>
  live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === text);
const unlogged = (live: LiveClient) => live.frames.filter((frame) => !("stream" in frame)).map(({ type }) => type);

describe("a public hall", () => {
  let server: TestServer;
  let ann: Person;
  beforeAll(async () => {
    server = await TestServer.start({ HALL: "public" });
    ann = await server.person("ann");
  }, 30_000);
  afterAll(() => server.stop());

  test("GW-14: anonymous connections get READY and the hall's events, and no others", async () => {
    const live = await server.connect();
    const { cursor } = (await live.frame(Push.READY)).data;
    const room = await server.room(ann, []);
    await say(ann, room, "private");
    await say(ann, HALL_ROOM_ID, "hello all");
    await hears(live, "hello all");
    expect(cursor).toContain(";*@");
    expect(texts(live)).toEqual(["hello all"]);
    expect(live.of(Push.LOGIN_SUCCESS)).toEqual([]);
    expect(live.of(Push.RED_DOT)).toEqual([]);
  });

  test("GW-14: signing in while messages pour in neither loses nor doubles one of the hall", async () => {
    let sending = true;
    let sent = 0;
    const load = (async () => {
      while (sending) await say(ann, HALL_ROOM_ID, `pour ${sent++}`);
    })();
    const readers = await Promise.all(
      Array.from({ length: 15 }, async (_, i) => {
        const live = await server.connect();
        await live.until(() => live.of(Push.MESSAGE).length > i % 5, "some messages");
        live.send({ type: Command.AUTHORIZE, data: { token: i % 3 === 0 ? "pl_wrong" : ann.token } });
        await live.frame(i % 3 === 0 ? Push.INVALIDATE_TOKEN : Push.RED_DOT);
        return live;
      }),
    );
    sending = false;
    await load;
    await say(ann, HALL_ROOM_ID, "the end");
    for (const live of readers) {
      await hears(live, "the end");
      const seqs = live.stream(HALL).map(({ seq }) => seq as number);
      expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] as number) + i));
    }
  });

  test("GW-14: a bad token changes nothing for an anonymous reader", async () => {
    const live = await server.connect();
    await live.frame(Push.READY);
    live.send({ type: Command.AUTHORIZE, data: { token: "pl_wrong" } });
    await live.frame(Push.INVALIDATE_TOKEN);
    await say(ann, HALL_ROOM_ID, "still here");
    await hears(live, "still here");
    expect(live.of(Push.READY)).toHaveLength(1);
  });

  test("GW-14: a bad token in the handshake is named, then READY comes", async () => {
    const live = await server.connect({ token: "pl_wrong" });
    await live.frame(Push.READY);
    expect(unlogged(live).slice(0, 2)).toEqual([Push.INVALIDATE_TOKEN, Push.READY]);
    await say(ann, HALL_ROOM_ID, "also here");
    await hears(live, "also here");
  });

  test("GW-15: anonymous readers resume like all others", async () => {
    const first = await server.connect();
    const { cursor } = (await first.frame(Push.READY)).data;
    await say(ann, HALL_ROOM_ID, "missed");
    await say(ann, await server.room(ann, []), "private");
    const live = await server.connect({ path: "/ws?resume=1" });
    await live.frame(Push.READY);
    await live.echo();
    expect(live.of(Push.MESSAGE)).toEqual([]);
    live.send({ type: Command.RESUME, data: { cursor } });
    await live.frame(Push.CURSOR, ({ data }) => data.live);
    expect(texts(live)).toEqual(["missed"]);
    await say(ann, HALL_ROOM_ID, "and on");
    await hears(live, "and on");
    live.send({ type: Command.AUTHORIZE, data: { token: ann.token } });
    await live.frame(Push.RED_DOT);
    expect(live.of(Push.READY)).toHaveLength(2);
  });

  test("GW-15: AUTHORIZE right behind RESUME waits for the backfill", async () => {
    const first = await server.connect();
    const { cursor } = (await first.frame(Push.READY)).data;
    await say(ann, HALL_ROOM_ID, "backfilled");
    const live = await server.connect({ path: "/ws?resume=1" });
    live.send({ type: Command.RESUME, data: { cursor } });
    live.send({ type: Command.AUTHORIZE, data: { token: ann.token } });
    await live.frame(Push.RED_DOT);
    expect(texts(live)).toEqual(["backfilled"]);
    const order = live.frames.map(({ type }) => type).filter((type) => type !== Push.ONLINE_OFFLINE_NOTIFY);
    expect(order).toEqual([Push.READY, Push.MESSAGE, Push.CURSOR, Push.LOGIN_SUCCESS, Push.READY, Push.RED_DOT]);
  });

  test("GW-14: the hall of signed-in people is the same", async () => {
    const live = await server.live(ann);
    await say(ann, HALL_ROOM_ID, "for members");
    await hears(live, "for members");
  });
});

test.each(["members", "off"])("GW-16: with HALL=%s anonymous connections get nothing", async (access) => {
  const server = await TestServer.start({ HALL: access });
  try {
    const ann = await server.person("ann");
    const live = await server.connect();
    const signedIn = await server.live(ann);
    if (access === "members") {
      await say(ann, HALL_ROOM_ID, "for members");
      await hears(signedIn, "for members");
    }
    await signedIn.frame(Push.ONLINE_OFFLINE_NOTIFY);
    await live.echo();
    expect(live.frames.map(({ type }) => type)).toEqual([Push.ERROR]);
  } finally {
    await server.stop();
  }
});
