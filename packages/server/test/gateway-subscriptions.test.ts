import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { ChangeType, Command, Push } from "@parley/protocol";
import { type Person, say, TestServer } from "./harness.ts";
import type { LiveClient, SeenFrame } from "./live-client.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
let cai: Person;
let room: number;
let stream: string;
let annLive: LiveClient;
let benLive: LiveClient;
let caiLive: LiveClient;
beforeAll(async () => {
  server = await TestServer.start();
  [ann, ben, cai] = (await Promise.all(["ann", "ben", "cai"].map((name) => server.person(name)))) as [
    Person,
    Person,
    Person,
  ];
}, 30_000);
beforeEach(async () => {
  room = await server.room(ann, [ben]);
  stream = `room:${room}`;
  [annLive, benLive, caiLive] = (await Promise.all([ann, ben, cai].map((one) => server.live(one)))) as [
    LiveClient,
    LiveClient,
    LiveClient,
  ];
}, 30_000);
afterAll(() => server.stop());

const says = (text: string) => (frame: SeenFrame) =>
  frame.stream === stream && frame.data.message.body.content === text;
const echoAll = () => Promise.all([annLive.echo(), benLive.echo(), caiLive.echo()]);
const about = (uid: number, changeType: number) => (frame: SeenFrame) =>
  frame.stream === stream &&
  frame.data.changeType === changeType &&
  [frame.data.uid, ...(frame.data.uids ?? [])].includes(uid);

test("GW-64: people who join get a room's events from their joining on, on all their connections", async () => {
  const second = await server.live(cai);
  await say(ann, room, "before");
  await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [cai.uid] });
  await say(ann, room, "after");
  for (const live of [caiLive, second]) {
    await live.frame(Push.MESSAGE, says("after"));
    const events = live.stream(stream);
    expect(events.map(({ type }) => type)).toEqual([Push.MEMBER_CHANGE, Push.MESSAGE]);
    // Their own stream brings them too, with the room's seq.
    const copy = live.stream(`user:${cai.uid}`).find(({ data }) => data.roomId === room);
    expect(copy?.data).toMatchObject({ changeType: ChangeType.joined, seq: events[0]?.seq });
  }
});

test("GW-65: people who are removed get that event, and nothing after it", async () => {
  await say(ann, room, "together");
  await ann.api.ok("DELETE", `/rooms/${room}/members/${ben.uid}`);
  await say(ann, room, "without Ben");
  await annLive.frame(Push.MESSAGE, says("without Ben"));
  await echoAll();
  await benLive.frame(Push.MEMBER_CHANGE, about(ben.uid, ChangeType.left));
  const events = benLive.stream(stream);
  expect(events.map(({ type }) => type)).toEqual([Push.MESSAGE, Push.MEMBER_CHANGE]);
  expect(events.at(-1)?.data.changeType).toBe(ChangeType.left);
});

test("GW-65: people who leave and are added again get both events, and what comes then, without a gap", async () => {
  await ben.api.ok("DELETE", `/rooms/${room}/members/${ben.uid}`);
  await say(ann, room, "in between");
  await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [ben.uid] });
  await say(ann, room, "again");
  await benLive.frame(Push.MESSAGE, says("again"));
  const texts = benLive
    .stream(stream)
    .map(({ type, data }) => (type === Push.MESSAGE ? data.message.body.content : data.changeType));
  expect(texts).toEqual([ChangeType.left, ChangeType.joined, "again"]);
});

test("GW-66: a dissolved room tells its end to all, and nothing after", async () => {
  await ann.api.ok("DELETE", `/rooms/${room}`);
  for (const live of [annLive, benLive]) {
    const end = await live.frame(Push.ROOM, (frame) => frame.stream === stream);
    expect(end.data).toMatchObject({ roomId: room, dissolved: true });
  }
  expect(
    (await ann.api.call("POST", `/rooms/${room}/messages`, { clientId: "late", type: 1, body: { content: "x" } }))
      .status,
  ).toBeGreaterThanOrEqual(400);
  await echoAll();
  expect([...server.hub.ofUser(ben.uid)].filter((connection) => connection.isSubscribed(stream))).toEqual([]);
  expect(caiLive.stream(stream)).toEqual([]);
});

test("GW-67: changes in the middle of a load: each member gets exactly the events of their time in the room, in order", async () => {
  let sending = true;
  let sent = 0;
  const load = (async () => {
    while (sending) await Promise.all([0, 1, 2].map(() => say(ann, room, `load ${sent++}`)));
  })();
  for (let round = 0; round < 8; round++) {
    await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [cai.uid] });
    await caiLive.until(
      () => caiLive.stream(stream).filter(about(cai.uid, ChangeType.joined)).length > round,
      "the join",
    );
    await ann.api.ok("DELETE", `/rooms/${room}/members/${cai.uid}`);
  }
  sending = false;
  await load;
  await say(ann, room, "the end");
  await annLive.frame(Push.MESSAGE, says("the end"));
  await echoAll();
  const all = annLive.stream(stream);
  const seqs = all.map(({ seq }) => seq as number);
  expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] as number) + i));
  let inside = false;
  const due = all.filter((event) => {
    if (about(cai.uid, ChangeType.joined)(event)) inside = true;
    const hears = inside;
    if (about(cai.uid, ChangeType.left)(event)) inside = false;
    return hears;
  });
  expect(caiLive.stream(stream)).toEqual(due);
});

test("GW-68: an event is encoded once, however many connections there are", async () => {
  const crowd = await Promise.all(Array.from({ length: 18 }, () => server.live(ben)));
  await echoAll();
  const before = server.hub.encoded;
  for (let i = 0; i < 10; i++) await say(ann, room, `counted ${i}`);
  for (const live of crowd) await live.frame(Push.MESSAGE, says("counted 9"));
  expect(server.hub.encoded - before).toBe(10);
});

test("GW-68: an event that nobody reads on this node is not encoded, until somebody does", async () => {
  const far = await server.person("far");
  const quiet = await server.room(far, []);
  const start = server.hub.encoded;
  await say(far, quiet, "to nobody");
  expect(server.hub.encoded).toBe(start);
  const live = await server.live(far);
  await say(far, quiet, "live");
  await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "live");
  expect(server.hub.encoded).toBe(start + 1);
});

test("GW-64, GW-20: somebody who is brought into a room before their RESUME hears of it after it, each event once", async () => {
  const coming = await server.live(cai, { path: "/ws?resume=1" });
  await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: [cai.uid] });
  await say(ann, room, "before RESUME");
  await caiLive.frame(Push.MESSAGE, says("before RESUME"));
  expect(coming.stream(stream)).toEqual([]);
  coming.send({ type: Command.RESUME, data: {} });
  await coming.frame(Push.MESSAGE, says("before RESUME"));
  await say(ann, room, "after");
  await Promise.all([coming, caiLive].map((live) => live.frame(Push.MESSAGE, says("after"))));
  expect(coming.stream(stream).map(({ seq }) => seq)).toEqual(caiLive.stream(stream).map(({ seq }) => seq));
});
