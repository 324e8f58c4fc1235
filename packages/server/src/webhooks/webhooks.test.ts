import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { administrator } from "../../test/administrator.ts";
import { lastingPort } from "../../test/free-port.ts";
import { type Person, say, TestServer } from "../../test/harness.ts";
import { HeldTimers } from "../../test/held-timers.ts";
import { sendHidden } from "../../test/hidden-message.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { Receiver, until } from "../../test/webhook-receiver.ts";
import { delay } from "../lib/interval.ts";
import { Endpoint } from "./endpoint.ts";

let server: TestServer;
let receiver: Receiver;
let root: Person;
let door: Door;
let ann: Person;
let ben: Person;
beforeEach(async () => {
  server = await TestServer.start();
  receiver = new Receiver();
  root = await administrator(server, "root");
  // People of the product have no passwords, so nothing is hashed.
  door = await openDoor(server, "shop");
  [ann, ben] = [await personAtDoor(server, door, "ann"), await personAtDoor(server, door, "ben")];
}, 20_000);
afterEach(async () => {
  await server.stop();
  await receiver.stop();
}, 20_000);

/** The metric of tries that have failed. */
const FAILED = /parley_webhook_deliveries_total\{result="failed"\} [1-9]/;
const LOGGED = ["MESSAGE", "RECALL", "MARK", "MEMBER_CHANGE", "MEMBER_UPDATE", "ROOM", "user.created"];

async function add(
  events: readonly string[] | null = null,
  url = receiver.url,
): Promise<{ id: number; secret: string }> {
  return root.api.ok("POST", "/admin/webhooks", { url, events });
}

test("HOOK-10: an address is told each event by a request that any Standard Webhooks library verifies", async () => {
  const { secret, id } = await add(LOGGED);
  const roomId = await server.room(ann, [ben]);
  await say(ann, roomId, "hello");
  await receiver.until("two requests", ({ taken }) => taken.length === 2);
  for (const { text, headers } of receiver.taken) {
    expect(new Webhook(secret).verify(text, headers)).toEqual(JSON.parse(text));
    expect(() => new Webhook(secret).verify(`${text} `, headers)).toThrow();
    expect(() => new Webhook(`whsec_${btoa("another secret")}`).verify(text, headers)).toThrow();
    expect(headers).toMatchObject({ "content-type": "application/json", "webhook-attempt": "1" });
  }
  const [, message] = receiver.taken;
  const pos = message?.data.message?.id;
  expect(message).toMatchObject({ event: "MESSAGE", stream: `room:${roomId}`, seq: 2 });
  expect(message?.id).toBe(`${server.storage.epoch}-${pos}-${id}`);
  expect(JSON.parse(message?.text ?? "")).toMatchObject({ type: 4, at: expect.any(Number) });
}, 30_000);

test("HOOK-11: it is told what the feed tells, as it is then", async () => {
  const { cursor } = await door.ok<{ cursor: string }>("GET", "/feed");
  await add(LOGGED);
  const roomId = await server.room(ann, [ben]);
  await say(ann, roomId, "hello");
  await receiver.until("the message", ({ texts }) => receiver.texts().length === 1 && texts !== undefined);
  const id = receiver.taken.at(-1)?.data.message?.id;
  await ben.api.ok("PUT", `/messages/${id}/marks/like`);
  await ann.api.ok("PATCH", `/rooms/${roomId}`, { notice: "new" });
  await ann.api.ok("PUT", `/rooms/${roomId}/members/${ben.uid}/role`, { role: 2 });
  await sendHidden(server, ann, { roomId, content: "hidden" });
  await ann.api.ok("DELETE", `/messages/${id}`);
  await door.ok("PUT", "/users/42", { name: "Ada" });
  await receiver.until("all", ({ taken }) => taken.length === 7);
  const { events } = await door.ok<{ events: { event: string; data: unknown }[] }>("GET", `/feed?cursor=${cursor}`);
  const byName = (one: { event: string }, other: { event: string }) => one.event.localeCompare(other.event);
  const told = receiver.taken.map(({ text }) => JSON.parse(text) as { event: string }).sort(byName);
  // The text of the message was told before it was taken back.
  const isMessage = ({ event }: { event: string }) => event === "MESSAGE";
  expect(told.filter((one) => !isMessage(one))).toEqual(events.filter((one) => !isMessage(one)).sort(byName));
  expect(JSON.stringify(told)).not.toContain("hidden");
}, 30_000);

test("HOOK-10: only events that were asked for, from the moment on at which they were", async () => {
  const roomId = await server.room(ann, [ben]);
  await say(ann, roomId, "before");
  const { id } = await add(["RECALL", "MESSAGE"]);
  await ann.api.ok("PATCH", `/rooms/${roomId}`, { notice: "new" });
  await say(ann, roomId, "after");
  await receiver.until("one request", ({ taken }) => taken.length === 1);
  expect(receiver.texts()).toEqual(["after"]);
  using changes = spyOn(Endpoint.prototype, "changeTo");
  await root.api.ok("PATCH", `/admin/webhooks/${id}`, { events: ["ROOM"] });
  await until("the change", () => changes.mock.calls.some(([{ events }]) => events?.has("ROOM")));
  await say(ann, roomId, "not asked for");
  await ann.api.ok("PATCH", `/rooms/${roomId}`, { notice: "newer" });
  await receiver.until("the room", ({ taken }) => taken.length === 2);
  expect(receiver.taken.map(({ event }) => event)).toEqual(["MESSAGE", "ROOM"]);
  await root.api.ok("DELETE", `/admin/webhooks/${id}`);
  await until("its end", async () => !(await server.metrics.text()).includes(`{follower="webhook ${id}"}`));
  const other = new Receiver();
  await add(["ROOM"], other.url);
  await ann.api.ok("PATCH", `/rooms/${roomId}`, { notice: "newest" });
  await other.until("the room, at another address", ({ taken }) => taken.length === 1);
  expect(receiver.received).toHaveLength(2);
  await other.stop();
}, 30_000);

describe("HOOK-12: of one room", () => {
  test("everything comes in order, one at a time, and rooms come side by side, eight at once", async () => {
    await add(["MESSAGE"]);
    const rooms = await Promise.all(Array.from({ length: 12 }, () => server.room(ann, [])));
    const openIn = new Map<string, number>();
    const eight = Promise.withResolvers<void>();
    receiver.answer = async ({ stream = "" }) => {
      openIn.set(stream, (openIn.get(stream) ?? 0) + 1);
      expect(openIn.get(stream)).toBe(1);
      if (receiver.open === 8) eight.resolve();
      await eight.promise;
      // So that a ninth could come.
      await delay(10);
      openIn.set(stream, 0);
      return new Response("");
    };
    for (let n = 0; n < 10; n++) await Promise.all(rooms.map((roomId) => say(ann, roomId, `text ${n}`)));
    await receiver.until("all", ({ taken }) => taken.length === 120);
    for (const roomId of rooms) {
      expect(receiver.texts(`room:${roomId}`)).toEqual(Array.from({ length: 10 }, (_, n) => `text ${n}`));
    }
    expect(receiver.most).toBe(8);
  }, 20_000);

  test("what fails is tried again before anything later, with the same id and the number of the try; other rooms go on", async () => {
    await add(["MESSAGE"]);
    const [bad, good] = [await server.room(ann, []), await server.room(ann, [])];
    const goodIsThere = Promise.withResolvers<void>();
    receiver.answer = async ({ stream, attempt }) => {
      if (stream !== `room:${bad}`) return new Response("");
      if (attempt < 3) return new Response("", { status: 500 });
      await goodIsThere.promise;
      return new Response("");
    };
    for (let n = 0; n < 3; n++) for (const roomId of [bad, good]) await say(ann, roomId, `text ${n}`);
    await receiver.until("the good room", () => receiver.texts(`room:${good}`).length === 3);
    expect(receiver.texts(`room:${bad}`)).toEqual([]);
    goodIsThere.resolve();
    await receiver.until("the bad room", () => receiver.texts(`room:${bad}`).length === 3, 40_000);
    expect(receiver.texts(`room:${bad}`)).toEqual(["text 0", "text 1", "text 2"]);
    const tries = receiver.received.filter(({ stream }) => stream === `room:${bad}`);
    expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
    expect(new Set(tries.map(({ id }) => id)).size).toBe(3);
  }, 60_000);

  test("the first failure of a room is not waited for longer than it takes", async () => {
    // So long the others wait for a room that is slow; it never passes.
    using _timers = new HeldTimers(1000);
    await add(["MESSAGE"]);
    const good = await server.room(ann, []);
    const bad = await Promise.all(Array.from({ length: 10 }, () => server.room(ann, [])));
    receiver.answer = ({ stream }) => new Response("", { status: stream === `room:${good}` ? 200 : 500 });
    for (const [n, roomId] of bad.entries()) {
      await say(ann, roomId, "it fails");
      await receiver.until("the failure", ({ received }) => received.some(({ stream }) => stream === `room:${roomId}`));
      await say(ann, good, `text ${n}`);
      await receiver.until("the good room", () => receiver.texts(`room:${good}`).length === n + 1);
    }
  }, 40_000);

  test("a flood at a slow address holds up no other room", async () => {
    await add(["MESSAGE"]);
    const [busy, quiet] = [await server.room(ann, []), await server.room(ann, [])];
    const quietIsThere = Promise.withResolvers<void>();
    receiver.answer = async ({ stream }) => {
      if (stream === `room:${busy}`) await quietIsThere.promise;
      return new Response("");
    };
    for (const from of [0, 100]) {
      const items = Array.from({ length: 100 }, (_, n) => ({
        room: busy,
        from: "ann",
        clientId: `${from + n}`,
        type: 1,
      }));
      const bodies = items.map((item) => ({ ...item, body: { content: `text ${item.clientId}` } }));
      await door.ok("POST", "/messages", { items: bodies });
    }
    await receiver.until("the first of the flood", ({ open }) => open === 1);
    await say(ann, quiet, "hello");
    await receiver.until("the quiet room", () => receiver.texts(`room:${quiet}`).length === 1, 20_000);
    expect(receiver.texts(`room:${busy}`)).toEqual([]);
    // Nobody had to give the busy one up for that.
    expect(await server.metrics.text()).not.toMatch(FAILED);
    quietIsThere.resolve();
    await receiver.until("the busy room", () => receiver.texts(`room:${busy}`).length === 200, 20_000);
    expect(receiver.texts(`room:${busy}`)).toEqual(Array.from({ length: 200 }, (_, n) => `text ${n}`));
    // It is on its own no longer: what comes now comes by the usual way, and once.
    await say(ann, busy, "one more");
    await receiver.until("one more", () => receiver.texts(`room:${busy}`).length === 201);
    const shown = async () => (await root.api.ok<{ items: [{ behind: number }] }>("GET", "/admin/webhooks")).items[0];
    await until("nothing that is behind", async () => (await shown()).behind === 0);
    expect(receiver.texts(`room:${busy}`)).toHaveLength(201);
  }, 40_000);
});

describe("HOOK-13: an answer", () => {
  const odd: [string, () => Response | Promise<Response>][] = [
    ["that redirects", () => Response.redirect(`${receiver.url}/elsewhere`, 307)],
    ["of 404", () => new Response("", { status: 404 })],
    ["of 500 with a long text", () => new Response("x".repeat(1_000_000), { status: 500 })],
  ];
  test.each(odd)(
    "%s is a failure, and nothing is followed",
    async (_, answer) => {
      await add(["MESSAGE"]);
      const roomId = await server.room(ann, []);
      receiver.answer = ({ attempt }) => (attempt === 1 ? answer() : new Response(""));
      await say(ann, roomId, "hello");
      await receiver.until("the second try", ({ taken }) => taken.length === 1);
      expect(receiver.received.map(({ attempt }) => attempt)).toEqual([1, 2]);
    },
    30_000,
  );

  test("of 200 whose text never ends is a success, and what is left of it is cut", async () => {
    await add(["MESSAGE"]);
    const roomId = await server.room(ann, []);
    let cancelled = 0;
    receiver.answer = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(4096)),
          cancel: () => void cancelled++,
        }),
      );
    for (const content of ["one", "two", "three"]) await say(ann, roomId, content);
    await receiver.until("all", () => receiver.texts().length === 3);
    await receiver.until("they are cut", () => cancelled === 3);
    expect(receiver.texts()).toEqual(["one", "two", "three"]);
  }, 30_000);

  test("that does not come, since nobody listens there yet, is waited for", async () => {
    const port = lastingPort();
    await receiver.stop();
    await add(["MESSAGE"], `http://127.0.0.1:${port}/hook`);
    const roomId = await server.room(ann, []);
    for (const content of ["one", "two"]) await say(ann, roomId, content);
    await until("nobody was there", async () => FAILED.test(await server.metrics.text()));
    receiver = new Receiver(port);
    await receiver.until("both", () => receiver.texts().length === 2);
    expect(receiver.texts()).toEqual(["one", "two"]);
  }, 30_000);
});

describe("HOOK-14: people who come and go", () => {
  test("are told in lists, gathered for a second, to those who asked for it", async () => {
    await add(["online"]);
    const both = new Receiver();
    await add(null, both.url);
    // The reply to the one who adds an address does not wait until the address is told things, and people who come are told once.
    await server.room(ben, []);
    await both.until("it has begun", ({ taken }) => taken.length > 0);
    const live = await server.live(ann);
    await server.live(ben);
    await receiver.until("online", ({ taken }) => taken.length > 0);
    const told = () => both.taken.filter(({ event }) => event === "online" || event === "offline");
    const states = () => told().flatMap(({ data }) => data.changeList as { uid: number; activeStatus: number }[]);
    await both.until("both are online", () => states().length === 2);
    expect(states().map(({ uid, activeStatus }) => [uid, activeStatus])).toEqual([
      [ann.uid, 1],
      [ben.uid, 1],
    ]);
    // In one list, or where a second ends between the two, in two.
    expect(JSON.parse(told().at(-1)?.text ?? "")).toMatchObject({ event: "online", type: 5, data: { onlineNum: 2 } });
    live.close();
    // The grace is five seconds.
    await both.until("offline", () => states().length === 3, 20_000);
    expect(told().at(-1)).toMatchObject({ event: "offline", data: { changeList: [{ uid: ann.uid }], onlineNum: 1 } });
    expect(receiver.taken.every(({ event }) => event === "online")).toBe(true);
    await both.stop();
  }, 40_000);
});

describe("HOOK-15: message.offline", () => {
  test("names the people for whom a message waits, by the product's ids where they have one", async () => {
    const { uid } = await door.ok<{ uid: number }>("PUT", "/users/42", {});
    await server.live(ben);
    const cem = await server.person("cem");
    await add(["message.offline"]);
    const { id: roomId } = await ann.api.ok<{ id: number }>("POST", "/rooms", {
      name: "g",
      memberIds: [ben.uid, cem.uid, uid],
    });
    await say(ann, roomId, "hello");
    await receiver.until("one", ({ taken }) => taken.length === 1);
    expect(JSON.parse(receiver.taken[0]?.text ?? "")).toEqual({
      ...{ event: "message.offline", stream: `room:${roomId}`, seq: 2, at: expect.any(Number) },
      data: { message: expect.objectContaining({ fromUser: { uid: ann.uid } }), users: ["42", cem.uid] },
    });
    expect(receiver.taken[0]?.id).toMatch(/^[0-9a-f]{16}-\d+-offline-\d+$/);
    await cem.api.ok("PATCH", `/rooms/${roomId}/settings`, { muted: true });
    await door.ok("POST", `/rooms/~${roomId}/members`, { remove: ["42"] });
    await say(ann, roomId, "nobody is away who wants to know");
    await say(cem, roomId, "but ann is");
    await receiver.until("the next one", ({ taken }) => taken.length === 2);
    expect(receiver.taken[1]?.data).toMatchObject({ users: ["ann"] });
  }, 30_000);

  test("comes beside MESSAGE, and not for one that was recalled, nor in the hall", async () => {
    let isDown = true;
    // A try that was built before the recall may still be on its way after it.
    receiver.answer = ({ text }) => new Response("", { status: isDown || text.includes("a mistake") ? 500 : 200 });
    await add(["MESSAGE", "message.offline"]);
    await say(ann, 1, "to everybody");
    await receiver.until("a failure", ({ received }) => received.length > 0);
    isDown = false;
    await receiver.until("the hall", ({ taken }) => taken.length === 1);
    const roomId = await server.room(ann, [ben]);
    await say(ann, roomId, "hello");
    await receiver.until("both", ({ taken }) => taken.length === 3);
    isDown = true;
    const before = receiver.received.length;
    await say(ann, roomId, "a mistake");
    await receiver.until("the failure", ({ received }) => received.length > before);
    const id = receiver.received.at(-1)?.data.message?.id;
    await ann.api.ok("DELETE", `/messages/${id}`);
    isDown = false;
    await receiver.until("again", ({ taken }) => taken.length === 4);
    await say(ann, roomId, "last");
    await receiver.until("the last ones", ({ taken }) => taken.length === 6);
    const shown = ({ event, text }: { event: string; text: string }) => {
      const { data } = JSON.parse(text);
      return [event, (data.message.message ?? data.message).body?.content];
    };
    expect(receiver.taken.map(shown)).toEqual([
      ["MESSAGE", "to everybody"],
      ["MESSAGE", "hello"],
      ["message.offline", "hello"],
      ["MESSAGE", undefined],
      ["MESSAGE", "last"],
      ["message.offline", "last"],
    ]);
  }, 20_000);
});
