import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ChangeType, Command, Push } from "@parley/protocol";
import { type Person, say, TestServer } from "./harness.ts";
import type { LiveClient, SeenFrame } from "./live-client.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
let room: number;
let stream: string;
beforeAll(async () => {
  server = await TestServer.start();
  [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
  room = await server.room(ann, [ben]);
  stream = `room:${room}`;
}, 30_000);
afterAll(() => server.stop());

const resuming = () => server.live(ben, { path: "/ws?resume=1" });
const isLive = ({ data }: SeenFrame) => data.live === true;
/** Rounds tell who is online at any moment. */
const withoutPresence = (live: LiveClient) => live.frames.filter(({ type }) => type !== Push.ONLINE_OFFLINE_NOTIFY);
const texts = (live: LiveClient) => live.of(Push.MESSAGE).map(({ data }) => data.message.body.content);

/** A cursor that has everything up to now. */
async function cursorNow(): Promise<string> {
  return (await (await server.live(ben)).frame(Push.READY)).data.cursor;
}

function resume(live: LiveClient, data: unknown): void {
  live.send({ type: Command.RESUME, data });
}

describe("RESUME", () => {
  test("GW-20: nothing logged comes before it; then what was missed, CURSOR live, and what is new", async () => {
    const cursor = await cursorNow();
    await say(ann, room, "missed 1");
    const live = await resuming();
    await say(ann, room, "missed 2");
    await live.echo();
    expect(live.frames.filter((frame) => "stream" in frame)).toEqual([]);

    resume(live, { cursor });
    const mark = await live.frame(Push.CURSOR, isLive);
    expect(texts(live)).toEqual(["missed 1", "missed 2"]);
    expect(withoutPresence(live).at(-1)).toBe(mark);
    expect(live.of(Push.CURSOR)).toHaveLength(1);
    await say(ann, room, "new");
    await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "new");
    expect(texts(live)).toEqual(["missed 1", "missed 2", "new"]);
  });

  test("GW-20: it may come before READY", async () => {
    const cursor = await cursorNow();
    await say(ann, room, "early");
    const live = await server.connect({ path: "/ws?resume=1" });
    live.send({ type: Command.AUTHORIZE, data: { token: ben.token } });
    resume(live, { cursor });
    await live.frame(Push.CURSOR, isLive);
    expect(withoutPresence(live).map(({ type }) => type)).toEqual([
      Push.LOGIN_SUCCESS,
      Push.READY,
      Push.RED_DOT,
      Push.MESSAGE,
      Push.CURSOR,
    ]);
  });

  test("GW-20: without a cursor it means READY's", async () => {
    await say(ann, room, "long ago");
    const live = await resuming();
    await say(ann, room, "since READY");
    resume(live, {});
    await live.frame(Push.CURSOR, isLive);
    expect(texts(live)).toEqual(["since READY"]);
  });

  test("GW-21: the cursor of CURSOR live continues exactly there", async () => {
    const live = await resuming();
    resume(live, {});
    const { cursor } = (await live.frame(Push.CURSOR, isLive)).data;
    await say(ann, room, "after the mark");
    const again = await resuming();
    resume(again, { cursor });
    await again.frame(Push.CURSOR, isLive);
    expect(texts(again)).toEqual(["after the mark"]);
  });

  test("GW-21: nothing is lost, doubled or out of order over many drops in the middle of a load", async () => {
    let sending = true;
    let sent = 0;
    const load = (async () => {
      while (sending) await say(ann, room, `drop-${sent++}`);
    })();
    const seen: number[] = [];
    let cursor = await cursorNow();
    for (let round = 0; round < 15; round++) {
      const live = await resuming();
      resume(live, { cursor });
      const enough = round % 3 === 0 ? 1 : round;
      await live.until(() => live.stream(stream).length >= enough, "some events");
      live.close();
      await live.ended();
      for (const { seq } of live.stream(stream)) seen.push(seq as number);
      const last = live.stream(stream).at(-1)?.seq;
      cursor = `${cursor.split(",")[0]},${stream}@${last}`;
    }
    sending = false;
    await load;
    expect(seen).toEqual(seen.map((_, i) => (seen[0] as number) + i));
  });

  test("GW-22: on a live connection it is answered with `already_live`", async () => {
    const plain = await server.live(ben);
    resume(plain, { cursor: await cursorNow() });
    expect((await plain.frame(Push.ERROR)).data).toMatchObject({ code: "already_live", requestType: Command.RESUME });
    const twice = await resuming();
    resume(twice, {});
    resume(twice, {});
    expect((await twice.frame(Push.ERROR)).data.code).toBe("already_live");
    await twice.frame(Push.CURSOR, isLive);
    expect(twice.of(Push.CURSOR)).toHaveLength(1);
  });

  test("GW-22: an anonymous one that reads nothing is told to sign in", async () => {
    const live = await server.connect({ path: "/ws?resume=1" });
    resume(live, {});
    expect((await live.frame(Push.ERROR)).data).toMatchObject({ code: "unauthorized", requestType: Command.RESUME });
  });

  test.each(["", "rubbish", "0123456789abcdef", "0123456789abcdef;*@x", "0123456789abcdef;*@1,*@2"])(
    "GW-23: the malformed cursor %p is named, and the connection goes live from READY's",
    async (cursor) => {
      const live = await resuming();
      await say(ann, room, "after READY");
      resume(live, { cursor });
      expect((await live.frame(Push.ERROR)).data).toMatchObject({
        code: "cursor_malformed",
        requestType: Command.RESUME,
      });
      await live.frame(Push.CURSOR, isLive);
      expect(texts(live)).toEqual(["after READY"]);
    },
  );
});

describe.each(["all", "joined"])("a room with history %p", (history) => {
  test("CUR-11, IM-49: removed and added again while away: RESYNC rejoined, the join and what follows", async () => {
    const hidden = await server.room(ann, [ben]);
    const itsStream = `room:${hidden}`;
    await ann.api.ok("PATCH", `/rooms/${hidden}`, { history });
    const cursor = await cursorNow();
    await say(ann, hidden, "B1");
    await ann.api.ok("DELETE", `/rooms/${hidden}/members/${ben.uid}`);
    await say(ann, hidden, "B2 out");
    await ann.api.ok("POST", `/rooms/${hidden}/members`, { memberIds: [ben.uid] });
    await say(ann, hidden, "B3");
    const live = await resuming();
    resume(live, { cursor });
    await live.frame(Push.CURSOR, isLive);
    const seen = live
      .stream(itsStream)
      .map(({ type, data }) => (type === Push.MESSAGE ? data.message.body.content : data.changeType));
    expect(seen).toEqual([ChangeType.joined, "B3"]);
    const joinedSeq = live.stream(itsStream)[0]?.seq as number;
    const resynced = live.of(Push.RESYNC).map(({ data }) => data);
    expect(resynced).toEqual([{ stream: itsStream, seq: joinedSeq - 1, why: "rejoined" }]);
    // What they missed can be looked up where the room shows its history, and nowhere else.
    const { items } = await ben.api.ok<{ items: SeenFrame["data"][] }>("GET", `/rooms/${hidden}/messages`);
    const readable = items.map(({ message }) => message.body.content);
    expect(readable).toEqual(history === "all" ? ["B1", "B2 out", "B3"] : ["B3"]);
    await say(ann, hidden, "B4");
    await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "B4");
    expect(live.stream(itsStream)).toHaveLength(seen.length + 1);
  });
});

test("IM-21: a recalled text is in no backfill, also where another message quotes it", async () => {
  const cursor = await cursorNow();
  const send = (body: Record<string, unknown>) =>
    ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, { type: 1, ...body });
  const { message } = await send({ clientId: "quoted", body: { content: "SECRET" } });
  await send({ clientId: "quoting", body: { content: "really?" }, replyTo: message.id });
  const before = await resuming();
  resume(before, { cursor });
  await before.frame(Push.CURSOR, isLive);
  expect(JSON.stringify(before.frames)).toContain("SECRET");
  await ann.api.ok("DELETE", `/messages/${message.id}`);
  const live = await resuming();
  resume(live, { cursor });
  await live.frame(Push.CURSOR, isLive);
  expect(live.of(Push.MESSAGE)).toHaveLength(2);
  expect(JSON.stringify(live.frames)).not.toContain("SECRET");
});

describe("RESYNC", () => {
  test("GW-24: another epoch", async () => {
    const live = await resuming();
    resume(live, { cursor: "0123456789abcdef;*@1" });
    const { data } = await live.frame(Push.RESYNC);
    expect(data).toMatchObject({ stream: "*", why: "epoch" });
    await live.frame(Push.CURSOR, isLive);
    expect(live.frames.filter((frame) => "stream" in frame)).toEqual([]);
    expect(data.cursor).toStartWith((await live.frame(Push.READY)).data.epoch);
  });

  test("GW-24: ahead of the log", async () => {
    const { epoch } = (await (await server.live(ben)).frame(Push.READY)).data;
    const live = await resuming();
    resume(live, { cursor: `${epoch};*@9000000` });
    expect((await live.frame(Push.RESYNC)).data).toMatchObject({ stream: "*", why: "ahead" });
    await live.frame(Push.CURSOR, isLive);
  });

  test("GW-24: too far behind, unless it asks for more", async () => {
    const cursor = await cursorNow();
    for (let i = 0; i < 5; i++) await say(ann, room, `far ${i}`);
    const live = await resuming();
    resume(live, { cursor, max: 3 });
    expect((await live.frame(Push.RESYNC)).data).toMatchObject({ stream, why: "far" });
    await live.frame(Push.CURSOR, isLive);
    expect(texts(live)).toEqual([]);
    const more = await resuming();
    resume(more, { cursor, max: 5 });
    await more.frame(Push.CURSOR, isLive);
    expect(more.of(Push.RESYNC)).toEqual([]);
    expect(texts(more)).toHaveLength(5);
  });
});
