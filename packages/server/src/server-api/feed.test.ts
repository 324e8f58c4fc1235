import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { floorCursor } from "@parley/protocol";
import { type Person, say, TestServer } from "../../test/harness.ts";
import { sendHidden } from "../../test/hidden-message.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { revokeKey } from "../keys/key-actions.ts";
import { delay, withDeadline } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";
import { trimEvents } from "../retention/retention-writes.ts";

interface Event {
  event: string;
  type: number;
  stream?: string;
  seq?: number;
  at?: number;
  data: Record<string, unknown> & { message?: { id: number; body: { content?: string }; type: number } };
}
interface Page {
  events: Event[];
  cursor: string;
  more: boolean;
}

let server: TestServer;
let door: Door;
let ann: Person;
let ben: Person;
let start: string;
beforeEach(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
  // People of the product have no passwords, so nothing is hashed.
  [ann, ben] = [await personAtDoor(server, door, "ann"), await personAtDoor(server, door, "ben")];
  start = (await feed("")).cursor;
}, 20_000);
afterEach(() => server.stop());

const feed = (query: string, of: Door = door) => door.ok.call(of, "GET", `/feed${query}`) as Promise<Page>;
const since = (cursor: string, more = "") => feed(`?cursor=${cursor}${more}`);
const names = ({ events }: Page) => events.map(({ event }) => event);

/** Follows `more` to the end of what there is. */
async function all(cursor: string, limit = 100): Promise<{ events: Event[]; cursor: string; pages: number }> {
  const events: Event[] = [];
  for (let pages = 1; ; pages++) {
    const page = await since(cursor, `&limit=${limit}`);
    // If something is left, the page is full, and it holds no more than was requested.
    expect(page.events.length).toBeLessThanOrEqual(limit);
    events.push(...page.events);
    cursor = page.cursor;
    if (!page.more) return { events, cursor, pages };
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const look = async () => {
    while (!holds()) await delay(5);
  };
  await withDeadline(look(), 5000, `never: ${what}`);
}

test("NODE-11: once the log has become another one, neither the feed nor a poll shows anything of it, and both say when to come back", async () => {
  const { cursor } = await ann.api.ok<Page>("GET", "/events");
  await say(ann, await server.room(ann, []), "hello");
  server.storage.announcer.end();
  const replies = [
    await door.call("GET", `/feed?cursor=${start}`),
    await ann.api.call("GET", `/events?cursor=${cursor}`),
  ];
  for (const { status, body, headers } of replies) {
    expect([status, body, headers.get("Retry-After")]).toMatchObject([503, { code: "overloaded" }, "5"]);
  }
});

test("FEED-1: without a cursor it is the cursor of this moment, and from there everything that is told comes in the order of the log", async () => {
  expect(await feed("")).toMatchObject({ events: [], more: false });
  const roomId = await server.room(ann, [ben]);
  await say(ann, roomId, "hello");
  await ann.api.ok("PATCH", `/rooms/${roomId}`, { name: "new" });
  const { events } = await since(start);
  const [message] = events.filter(({ event }) => event === "MESSAGE");
  const id = message?.data.message?.id as number;
  await ben.api.ok("PUT", `/messages/${id}/marks/like`);
  await ann.api.ok("PUT", `/rooms/${roomId}/members/${ben.uid}/role`, { role: 2 });
  await ann.api.ok("DELETE", `/messages/${id}`);
  await ann.api.ok("DELETE", `/rooms/${roomId}/members/${ben.uid}`);
  await server.person("cem");
  const page = await since(start);
  expect(names(page)).toEqual([
    ...["MEMBER_CHANGE", "MESSAGE", "ROOM", "MARK", "MEMBER_UPDATE", "RECALL", "MEMBER_CHANGE", "user.created"],
  ]);
  const stream = `room:${roomId}`;
  expect(page.events[1]).toMatchObject({ type: 4, stream, seq: 2, at: expect.any(Number) });
  expect(page.events.slice(0, 7).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(page.events[7]).toEqual({
    ...{ event: "user.created", type: 114, at: expect.any(Number) },
    data: { uid: ben.uid + 1, name: "cem", avatar: "", power: 0, createdAt: expect.any(Number), externalId: null },
  });
  expect(await since(page.cursor)).toEqual({ events: [], cursor: page.cursor, more: false });
});

test("FEED-1: everybody who is made is told, by whichever way, and with the product's own id", async () => {
  await door.ok("PUT", "/users/42", { name: "Ada" });
  await door.ok("PUT", "/users/42", { name: "Ada L." });
  await door.ok("POST", "/users", { items: [{ externalId: "43" }, { externalId: "43" }, { externalId: "42" }] });
  const { events } = await since(start);
  expect(events.map(({ data }) => [data.externalId, data.name])).toEqual([
    ["42", "Ada L."],
    ["43", "43"],
  ]);
  await door.ok("DELETE", "/users/43");
  expect((await since(start)).events).toHaveLength(1);
});

test("FEED-2: what was recalled is not handed out any more, and what only its sender may see never was", async () => {
  const roomId = await server.room(ann, [ben]);
  await say(ann, roomId, "a secret");
  const before = await since(start);
  const id = before.events.at(-1)?.data.message?.id as number;
  expect(before.events.at(-1)?.data.message?.body.content).toBe("a secret");
  await ann.api.ok("DELETE", `/messages/${id}`);
  const after = await since(start);
  expect(names(after)).toEqual(["MEMBER_CHANGE", "MESSAGE", "RECALL"]);
  expect(JSON.stringify(after)).not.toContain("a secret");
  expect(after.events[1]?.data.message?.type).toBe(2);
  await sendHidden(server, ann, { roomId, content: "hidden" });
  expect(JSON.stringify(await since(start))).not.toContain("hidden");
});

test("FEED-1: pages of any size hold everything once and in order", async () => {
  const rooms = [await server.room(ann, [ben]), await server.room(ann, []), await server.room(ben, [])];
  for (let n = 0; n < 30; n++) await say(n % 3 === 2 ? ben : ann, rooms[n % 3] as number, `text ${n}`);
  const whole = await all(start, 1000);
  expect(whole.pages).toBe(1);
  const texts = whole.events.flatMap(({ data }) => data.message?.body.content ?? []);
  expect(texts).toEqual(Array.from({ length: 30 }, (_, n) => `text ${n}`));
  for (const limit of [1, 2, 7, 33]) expect((await all(start, limit)).events).toEqual(whole.events);
});

test("FEED-1: a page ends before it is too large, and what is not told costs no page", async () => {
  const room = await server.room(ann, []);
  const body = { content: "x".repeat(4096) };
  const items = Array.from({ length: 50 }, (_, n) => ({ room, clientId: `${n}`, type: 1, body }));
  for (const from of [undefined, "ann", ann.uid]) {
    const list = items.map((item) => ({ ...item, clientId: `${item.clientId} ${from}`, ...(from && { from }) }));
    await door.ok("POST", "/messages", { items: list });
  }
  const page = await since(start, "&limit=1000");
  expect(page.more).toBe(true);
  expect(JSON.stringify(page).length).toBeLessThan(600_000);
  expect((await all(start, 1000)).events).toHaveLength(151);
});

describe("FEED-3: a cursor", () => {
  test.each([
    ["x", 400],
    ["0123456789abcdef;room:1@3", 400],
    ["0123456789abcdef;*@3,room:1@3", 400],
  ])("%s is malformed", async (cursor, status) => {
    expect(await door.call("GET", `/feed?cursor=${cursor}`)).toMatchObject({
      status,
      body: { code: "cursor_malformed" },
    });
  });

  test("of another database, or from beyond the log's end, gets RESYNC with the cursor of this moment", async () => {
    const other = await since(floorCursor("0123456789abcdef", 3));
    const data = { stream: "*", cursor: start, why: "epoch" };
    expect(other).toEqual({ events: [{ event: "RESYNC", type: 108, data } as never], cursor: start, more: false });
    const ahead = await since(floorCursor(server.storage.epoch, 999_999));
    expect(ahead.events).toMatchObject([{ event: "RESYNC", data: { why: "ahead", cursor: start } }]);
  });

  test("from before what the log keeps gets RESYNC, which says where to go on, and then the rest", async () => {
    const roomId = await server.room(ann, [ben]);
    for (let n = 0; n < 10; n++) await say(ann, roomId, `text ${n}`);
    const { writes, announcer, epoch } = server.storage;
    const bounds = { maxAgeMs: 0, minEvents: 3, maxEvents: 3, upTo: announcer.position };
    await writes.runWhenIdle(trimEvents, { streams: [`room:${roomId}`], ...bounds });
    const page = await since(start);
    const text = (n: number) => `text ${n}`;
    expect(names(page)).toEqual(["RESYNC", "MESSAGE", "MESSAGE", "MESSAGE"]);
    const [resync, ...rest] = page.events;
    expect(rest.map(({ data }) => data.message?.body.content)).toEqual([7, 8, 9].map(text));
    const first = rest[0]?.data.message?.id as number;
    expect(resync?.data).toEqual({ stream: "*", cursor: floorCursor(epoch, first - 1), why: "trimmed" });
    expect(names(await since(resync?.data.cursor as string))).toEqual(["MESSAGE", "MESSAGE", "MESSAGE"]);
    // One at a time it is the same.
    expect((await all(start, 1)).events).toEqual(page.events);
  });

  test("is good after a restart", async () => {
    const roomId = await server.room(ann, [ben]);
    await server.restart();
    const again = await fetch(`${server.url}/api/v1/server/feed?cursor=${start}`, {
      headers: { Authorization: `Bearer ${door.key}` },
    });
    expect(names((await again.json()) as Page)).toEqual(["MEMBER_CHANGE"]);
    expect(roomId).toBeGreaterThan(1);
  });
});

describe("FEED-4: a request that waits", () => {
  const hanging = () => server.feed.hanging.size;

  test("is answered by the first event that is told, and not by others", async () => {
    const roomId = await server.room(ann, [ben]);
    const { cursor } = await since(start);
    const waiting = since(cursor, "&wait=30");
    await until("it hangs", () => hanging() === 1);
    // A read place concerns only its reader.
    await ben.api.ok("PUT", `/rooms/${roomId}/read`, { seq: 1 });
    await delay(20);
    expect(hanging()).toBe(1);
    await say(ann, roomId, "hello");
    expect(names(await waiting)).toEqual(["MESSAGE"]);
    expect(hanging()).toBe(0);
  });

  test("is answered with the next cursor when its time is over", async () => {
    const began = performance.now();
    const page = await since(start, "&wait=1");
    expect(page).toEqual({ events: [], cursor: start, more: false });
    expect(performance.now() - began).toBeGreaterThan(950);
  }, 30_000);

  test("does not wait for what came after it had looked", async () => {
    const { signal } = new AbortController();
    const before = server.storage.announcer.position;
    await server.room(ann, [ben]);
    const { position } = server.storage.announcer;
    await server.feed.wait("key 1", before, { ms: 60_000, signal });
    // After the newest event in the feed it waits.
    const waiting = server.feed.wait("key 1", position, { ms: 60_000, signal });
    expect(hanging()).toBe(1);
    await server.room(ann, []);
    await waiting;
  });

  test("by HEAD does not wait", async () => {
    const began = performance.now();
    const reply = await fetch(`${server.url}/api/v1/server/feed?cursor=${start}&wait=30`, {
      method: "HEAD",
      headers: { Authorization: `Bearer ${door.key}` },
    });
    expect([reply.status, await reply.text()]).toEqual([200, ""]);
    expect(performance.now() - began).toBeLessThan(4000);
  });

  test("with something there already is answered at once", async () => {
    await server.room(ann, [ben]);
    expect(names(await since(start, "&wait=60"))).toEqual(["MEMBER_CHANGE"]);
  });

  test("is one of eight of its key: the oldest one is answered when one more comes, and other keys have their own", async () => {
    const other = await openDoor(server, "other");
    const most = CAPS.hangingFeeds.count;
    const first = since(start, "&wait=30");
    await until("the first one hangs", () => hanging() === 1);
    const rest = Array.from({ length: most - 1 }, () => since(start, "&wait=30"));
    rest.push(feed(`?cursor=${start}&wait=30`, other));
    await until("all hang", () => hanging() === most + 1);
    rest.push(since(start, "&wait=30"));
    expect((await first).events).toEqual([]);
    await until("the new one hangs", () => hanging() === most + 1);
    await server.room(ann, [ben]);
    for (const page of await Promise.all(rest)) expect(names(page)).toEqual(["MEMBER_CHANGE"]);
  });

  test("ends with its key", async () => {
    const waiting = door.call("GET", `/feed?cursor=${start}&wait=30`);
    await until("it hangs", () => hanging() === 1);
    await revokeKey(server.storage, "shop");
    expect(await waiting).toMatchObject({ status: 401, body: { code: "unauthorized" } });
  });

  test("is answered by a stop, and forgotten when its client goes", async () => {
    const gone = new AbortController();
    const request = fetch(`${server.url}/api/v1/server/feed?cursor=${start}&wait=30`, {
      headers: { Authorization: `Bearer ${door.key}` },
      signal: gone.signal,
    }).catch(() => {});
    await until("it hangs", () => hanging() === 1);
    gone.abort();
    await request;
    await until("it is forgotten", () => hanging() === 0);
    const waiting = since(start, "&wait=30");
    await until("another one hangs", () => hanging() === 1);
    await server.stop();
    expect(await waiting).toMatchObject({ events: [] });
  });
});
