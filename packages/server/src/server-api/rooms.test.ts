import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { type Person, say, TestServer } from "../../test/harness.ts";
import { sendHidden } from "../../test/hidden-message.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";

let server: TestServer;
let door: Door;
let ann: Person;
let ben: Person;
let cai: Person;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
  [ann, ben, cai] = [await at("ann"), await at("ben"), await at("cai")] as [Person, Person, Person];
}, 20_000);
afterAll(() => server.stop());

const at = (name: string) => personAtDoor(server, door, name);
interface Room {
  id: number;
  externalId: string | null;
  memberCount: number;
}
interface Changed {
  added: unknown[];
  removed: unknown[];
  memberCount: number;
  errors?: unknown;
  skipped?: unknown[];
}
interface Page {
  items: { message: { id: number; body: { content: string } } }[];
  nextCursor: string | null;
  asOf: string;
}
let made = 0;
/** A new managed room of some people; returns its external id and ours. */
async function managed(...people: Person[]): Promise<[string, number]> {
  const externalId = `room/${made++}`;
  const path = `/rooms/${encodeURIComponent(externalId)}`;
  const { id } = await door.ok<Room>("PUT", path, {});
  await door.ok("POST", `${path}/members`, { add: people.map(({ uid }) => uid) });
  return [path, id];
}

describe("SRV-30: PUT /server/rooms", () => {
  test("makes a managed room, and then changes what is given, which its people are told", async () => {
    const fields = { name: "Order 7", avatar: "/o.png", notice: "due on Monday", history: "joined" };
    const first = await door.call<Room>("PUT", "/rooms/order-7", fields);
    const { id } = first.body;
    const room = {
      ...{ id, externalId: "order-7", type: 1, ...fields, muteAll: false, ownerId: null, memberCount: 0, seq: 0 },
      ...{ createdAt: expect.any(Number), dissolvedAt: null },
    };
    expect([first.status, first.body]).toEqual([201, room]);
    await door.ok("POST", "/rooms/order-7/members", { add: ["ann"] });
    const live = await server.live(ann);
    const again = await door.call("PUT", "/rooms/order-7", { name: "Order 7, paid", notice: "due on Monday" });
    expect(again).toMatchObject({ status: 200, body: { ...room, name: "Order 7, paid", memberCount: 1, seq: 2 } });
    expect((await live.frame(Push.ROOM)).data).toEqual({ roomId: id, name: "Order 7, paid" });
    expect(await door.call("PUT", "/rooms/order-7")).toMatchObject({ status: 200, body: { seq: 2 } });
    expect(await door.ok("GET", "/rooms/order-7")).toEqual(again.body);
    expect(await door.ok("GET", `/rooms/~${id}`)).toEqual(again.body);
    expect(await ann.api.ok("GET", `/rooms/${id}`)).toMatchObject({ name: "Order 7, paid", ownerId: null, role: 3 });
  });

  test("without a name calls a new room by its external id", async () => {
    expect(await door.ok("PUT", "/rooms/order-8")).toMatchObject({ name: "order-8", history: "all" });
    expect(await door.ok("PUT", `/rooms/${"y".repeat(128)}`)).toMatchObject({ name: "y".repeat(64) });
    expect(await door.ok("PUT", `/rooms/${encodeURIComponent("\u202eabc")}`)).toMatchObject({ name: "Room" });
  });

  test("by an id of ours changes any room but a direct one, and makes none", async () => {
    const group = await server.room(ann, [ben]);
    expect(await door.ok("PUT", `/rooms/~${group}`, { name: "theirs" })).toMatchObject({
      ...{ id: group, externalId: null, name: "theirs", ownerId: ann.uid },
    });
    // It stays a group of people.
    await ann.api.ok("PATCH", `/rooms/${group}`, { name: "ours" });
    expect(await door.ok("PUT", "/rooms/~1", { notice: "welcome" })).toMatchObject({ id: 1, notice: "welcome" });
    const { id } = await ann.api.ok<Room>("POST", "/rooms/direct", { userId: ben.uid });
    expect(await door.call("PUT", `/rooms/~${id}`, { name: "x" })).toMatchObject({
      status: 422,
      body: { code: "direct_fixed" },
    });
    expect(await door.call("PUT", "/rooms/~999999", {})).toMatchObject({ status: 404 });
    expect(await door.call("GET", "/rooms/nowhere")).toMatchObject({ status: 404 });
  });

  test("the hall has its number of people, and is not there where it is off", async () => {
    expect((await door.ok<Room>("GET", "/rooms/~1")).memberCount).toBeGreaterThan(2);
    const off = await TestServer.start({ HALL: "off" });
    try {
      const own = await openDoor(off, "shop");
      for (const [method, path] of [
        ["GET", "/rooms/~1"],
        ["PUT", "/rooms/~1"],
        ["GET", "/rooms/~1/messages"],
      ] as const) {
        expect(await own.call(method, path)).toMatchObject({ status: 404 });
      }
    } finally {
      await off.stop();
    }
  });
});

describe("SRV-31: a managed room", () => {
  test("is left by its people, who add, remove and change nothing in it", async () => {
    const [path, id] = await managed(ann, ben);
    const refused = (method: string, under: string, body?: unknown) =>
      ann.api.call(method, `/rooms/${id}${under}`, body);
    for (const reply of [
      await refused("POST", "/members", { memberIds: [cai.uid] }),
      await refused("DELETE", `/members/${ben.uid}`),
      await refused("PATCH", "", { name: "mine" }),
      await refused("DELETE", ""),
      await refused("PUT", `/members/${ben.uid}/role`, { role: 2 }),
      await refused("PUT", "/owner", { uid: ann.uid }),
      await refused("PUT", `/members/${ben.uid}/mute`, { until: null }),
      await refused("DELETE", `/members/${ben.uid}/mute`),
    ]) {
      expect(reply).toMatchObject({ status: 422, body: { code: "room_managed" } });
    }
    expect(await door.ok("GET", path)).toMatchObject({ memberCount: 2, seq: 1 });
    await say(ann, id, "hello");
    expect((await ann.api.call("DELETE", `/rooms/${id}/members/${ann.uid}`)).status).toBe(204);
    expect(await door.ok("GET", path)).toMatchObject({ memberCount: 1 });
    expect(
      (await ann.api.call("POST", `/rooms/${id}/messages`, { clientId: "x", type: 1, body: { content: "x" } })).status,
    ).toBe(403);
  });

  test("tells its members that it is one, and other rooms say that they are not", async () => {
    const [, id] = await managed(ann);
    const own = await server.room(ann, [ben], "own");
    const { items } = await ann.api.ok<{ items: { id: number; managed: boolean }[] }>("GET", "/rooms?limit=100");
    const said = new Map(items.map((room) => [room.id, room.managed]));
    expect([said.get(id), said.get(own), said.get(HALL_ROOM_ID)]).toEqual([true, false, false]);
    for (const [room, is] of [
      [id, true],
      [own, false],
    ] as const) {
      expect(await ann.api.ok("GET", `/rooms/${room}`)).toMatchObject({ managed: is });
    }
    await ann.api.ok("DELETE", `/rooms/${id}/members/${ann.uid}`);
    expect(await ann.api.ok("GET", `/rooms/${id}`)).toMatchObject({ role: null, managed: false });
  });

  test("does not exist for others", async () => {
    const [, id] = await managed(ann);
    expect((await cai.api.call("POST", `/rooms/${id}/members`, { memberIds: [cai.uid] })).status).toBe(404);
  });
});

describe("SRV-32: members", () => {
  const change = (path: string, body: object, query = "") =>
    door.call<Changed>("POST", `${path}/members${query}`, body);

  test("are added and removed together, by either kind of id, and are told like others", async () => {
    const [path, id] = await managed(ann);
    const live = [await server.live(ann), await server.live(ben)];
    const reply = await change(path, { add: ["ben", cai.uid, "ann", "ben", ben.uid], remove: [] });
    expect([reply.status, reply.body]).toEqual([200, { added: ["ben", cai.uid], removed: [], memberCount: 3 }]);
    for (const client of live) {
      const joined = await client.frame(Push.MEMBER_CHANGE, ({ stream }) => stream === `room:${id}`);
      expect(joined.data).toMatchObject({ roomId: id, uid: ben.uid, uids: [ben.uid, cai.uid], changeType: 1 });
    }
    await say(ben, id, "I am in");
    const left = await change(path, { remove: ["ben", cai.uid, ben.uid] });
    expect(left.body).toEqual({ added: [], removed: ["ben", cai.uid], memberCount: 1 });
    for (const uid of [ben.uid, cai.uid]) {
      const frame = await live[0]?.frame(Push.MEMBER_CHANGE, ({ data }) => data.uid === uid && data.changeType === 2);
      expect(frame?.data).toEqual({ roomId: id, uid, changeType: 2 });
    }
    // What ben read last is their own leaving, and the room as it was then.
    await live[1]?.frame(Push.MEMBER_CHANGE, ({ stream, data }) => stream === `room:${id}` && data.changeType === 2);
    expect(await ben.api.ok("GET", `/rooms/${id}`)).toMatchObject({ memberCount: 2, role: null });
    expect(await cai.api.ok("GET", `/rooms/${id}`)).toMatchObject({ memberCount: 1, role: null });
    expect(await change(path, { remove: ["ben"] })).toMatchObject({ body: { added: [], removed: [], memberCount: 1 } });
    // A return is a new window.
    expect((await change(path, { add: ["ben"] })).body).toEqual({ added: ["ben"], removed: [], memberCount: 2 });
    await say(ben, id, "back");
  });

  test("with an unknown person among them refuse the request, with the place of each, unless they are to be skipped", async () => {
    const [path] = await managed(ann);
    const body = { add: ["ben", "nobody", 9_999_999], remove: ["ann", "no one"] };
    const refused = await change(path, body);
    expect(refused).toMatchObject({ status: 422, body: { code: "unknown_user" } });
    expect(refused.body.errors).toEqual([
      { path: "add.1", message: 'is not known: "nobody"' },
      { path: "add.2", message: "is not known: 9999999 (an id of Parley's; your own ids are strings)" },
      { path: "remove.1", message: 'is not known: "no one"' },
    ]);
    expect(await door.ok("GET", path)).toMatchObject({ memberCount: 1, seq: 1 });
    const done = await change(path, body, "?unknown=skip");
    expect(done.body).toEqual({
      added: ["ben"],
      removed: ["ann"],
      memberCount: 1,
      skipped: ["nobody", 9_999_999, "no one"],
    });
    expect((await change(path, body, "?unknown=yes")).status).toBe(400);
  });

  test("are in one of the lists only", async () => {
    const [path] = await managed(ann);
    const reply = await change(path, { add: ["ben", "cai"], remove: ["ann", ben.uid] });
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: "remove.1" }] } });
    expect(await door.ok("GET", path)).toMatchObject({ memberCount: 1, seq: 1 });
  });

  test("of everybody's groups change too, but for their owner, the hall and direct rooms", async () => {
    const group = await server.room(ann, [ben]);
    expect((await change(`/rooms/~${group}`, { add: ["cai"], remove: ["ben"] })).body).toEqual({
      ...{ added: ["cai"], removed: ["ben"], memberCount: 2 },
    });
    expect(await change(`/rooms/~${group}`, { remove: ["cai", "ann"] })).toMatchObject({
      body: { code: "owner_cannot_leave" },
    });
    expect(await door.ok("GET", `/rooms/~${group}`)).toMatchObject({ memberCount: 2 });
    expect(await change("/rooms/~1", { add: ["ann"] })).toMatchObject({ body: { code: "hall_fixed" } });
    const { id } = await ann.api.ok<Room>("POST", "/rooms/direct", { userId: cai.uid });
    expect(await change(`/rooms/~${id}`, { add: ["ben"] })).toMatchObject({ body: { code: "direct_fixed" } });
    expect(await change("/rooms/nowhere", { add: ["ben"] })).toMatchObject({ status: 404 });
  });

  test("are at most 1 000 in each list, and 10 000 in a room", async () => {
    const [path, id] = await managed();
    const names = Array.from({ length: 1001 }, (_, n) => `crowd-${n}`);
    for (let first = 0; first < names.length; first += 100) {
      const items = names.slice(first, first + 100).map((externalId) => ({ externalId }));
      await door.ok("POST", "/users", { items });
    }
    expect((await change(path, { add: names })).status).toBe(400);
    const joined = await change(path, { add: names.slice(1) });
    expect(joined.body).toMatchObject({ added: names.slice(1), memberCount: 1000 });
    const gone = await change(path, { remove: names.slice(1), add: [names[0]] });
    expect(gone.body).toMatchObject({ added: [names[0]], removed: names.slice(1), memberCount: 1 });
    const present = server.storage.db
      .selectFrom("members")
      .select("uid")
      .where("room_id", "=", id)
      .where("left_seq", "is", null);
    expect(await present.execute()).toHaveLength(1);
  });
});

describe("SRV-33: DELETE and history", () => {
  test("a dissolved room is gone for the product, and its external id is free", async () => {
    const [path, id] = await managed(ann);
    const live = await server.live(ann);
    expect((await door.call("DELETE", path)).status).toBe(204);
    expect((await live.frame(Push.ROOM, ({ data }) => data.dissolved === true)).data).toMatchObject({ roomId: id });
    expect((await door.call("DELETE", path)).status).toBe(204);
    expect((await door.call("GET", path)).status).toBe(404);
    expect(await door.ok("GET", `/rooms/~${id}`)).toMatchObject({ externalId: null, dissolvedAt: expect.any(Number) });
    expect((await door.call("DELETE", `/rooms/~${id}`)).status).toBe(204);
    expect((await door.call("DELETE", "/rooms/nowhere")).status).toBe(204);
    expect(await door.call("PUT", `/rooms/~${id}`, { name: "x" })).toMatchObject({ body: { code: "room_dissolved" } });
    expect(await door.call("POST", `/rooms/~${id}/members`, { add: ["ben"] })).toMatchObject({
      body: { code: "room_dissolved" },
    });
    const again = await door.call<Room>("PUT", path, {});
    expect([again.status, again.body.id === id]).toEqual([201, false]);
    expect(await door.call("DELETE", "/rooms/~1")).toMatchObject({ status: 422, body: { code: "hall_fixed" } });
    const group = await server.room(ben, [ann]);
    expect((await door.call("DELETE", `/rooms/~${group}`)).status).toBe(204);
  });

  test("the product reads what everybody in the room may read, from its beginning, in pages", async () => {
    const [path, id] = await managed(ann);
    await door.ok("PUT", path, { history: "joined" });
    for (const text of ["one", "two", "three"]) await say(ann, id, text);
    await sendHidden(server, ann, { roomId: id, content: "for me alone" });
    await door.ok("POST", `${path}/members`, { add: ["ben"], remove: ["ann"] });
    await say(ben, id, "four");
    const page = await door.ok<Page>("GET", `${path}/messages?limit=2`);
    const texts = (items: Page["items"]) => items.map(({ message }) => message.body.content);
    expect([texts(page.items), page.asOf]).toEqual([["three", "four"], expect.stringContaining("*@")]);
    const older = await door.ok<Page>("GET", `${path}/messages?limit=2&cursor=${page.nextCursor}`);
    expect([texts(older.items), older.nextCursor]).toEqual([["one", "two"], null]);
    const forwards = await door.ok<Page>("GET", `/rooms/~${id}/messages?after=${older.items[1]?.message.id}`);
    expect(texts(forwards.items)).toEqual(["three", "four"]);
    expect((await door.call("GET", "/rooms/nowhere/messages")).status).toBe(404);
    expect((await door.call("GET", `${path}/messages?after=999999`)).status).toBe(400);
  });
});
