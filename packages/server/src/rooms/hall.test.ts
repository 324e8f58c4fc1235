import { afterEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { HallCount } from "./hall.ts";

let chat: ChatFixture;
afterEach(() => chat.close());

const content = (item: { message: { body: { content: string } } }) => item.message.body.content;

test("IM-60: HALL=members: everybody who signs in is in it, the anonymous see its name", async () => {
  chat = await ChatFixture.open();
  const [ann, bob] = (await chat.people(2)) as [number, number];
  await chat.say(ann, 1, "hello");
  expect(await chat.must(bob, "GET", "/rooms/1")).toMatchObject({
    id: 1,
    name: "Hall",
    memberCount: 2,
    role: 3,
    seq: 1,
  });
  expect((await chat.must(bob, "GET", "/rooms/1/messages")).items.map(content)).toEqual(["hello"]);
  const anonymous = await chat.ask(undefined, "GET", "/rooms/1");
  expect(anonymous.status).toBe(200);
  expect(anonymous.body).toMatchObject({ name: "Hall", memberCount: null, notice: null, seq: null, role: null });
  expect((await chat.ask(undefined, "GET", "/rooms/1/messages")).status).toBe(401);
  expect((await chat.ask(undefined, "GET", "/messages/1")).status).toBe(401);
  expect((await chat.ask(undefined, "GET", "/rooms/1/members")).status).toBe(401);
});

test("IM-61: HALL=public: the anonymous read, and do nothing else", async () => {
  chat = await ChatFixture.open({ HALL: "public" });
  const [ann] = (await chat.people(1)) as [number];
  const { message } = await chat.say(ann, 1, "hello");
  const room = await chat.ask(undefined, "GET", "/rooms/1");
  expect(room.body).toMatchObject({ name: "Hall", memberCount: 1, role: null, seq: 1 });
  const page = await chat.ask(undefined, "GET", "/rooms/1/messages");
  expect(page.body.items.map(content)).toEqual(["hello"]);
  expect((await chat.ask(undefined, "GET", `/messages/${message.id}`)).body.message.id).toBe(message.id);
  const send = { clientId: "a", type: 1, body: { content: "me too" } };
  expect((await chat.ask(undefined, "POST", "/rooms/1/messages", send)).status).toBe(401);
  const group = await chat.group(ann);
  const inside = await chat.say(ann, group, "private");
  expect((await chat.ask(undefined, "GET", `/rooms/${group}/messages`)).status).toBe(401);
  expect((await chat.ask(undefined, "GET", `/messages/${inside.message.id}`)).status).toBe(401);
});

test("IM-62: HALL=off: there is no hall", async () => {
  chat = await ChatFixture.open({ HALL: "off" });
  const [ann] = (await chat.people(1)) as [number];
  const send = { clientId: "a", type: 1, body: { content: "hello" } };
  for (const [method, path, body] of [
    ["GET", "/rooms/1", undefined],
    ["GET", "/rooms/1/messages", undefined],
    ["GET", "/rooms/1/members", undefined],
    ["POST", "/rooms/1/messages", send],
    ["PUT", "/rooms/1/read", { seq: 1 }],
  ] as const) {
    expect({ path, status: (await chat.ask(ann, method, path, body)).status }).toEqual({ path, status: 404 });
  }
  expect((await chat.must(ann, "GET", "/rooms")).items).toEqual([]);
  expect((await chat.must(ann, "GET", "/unread")).rooms).toEqual([]);
});

test("IM-63: HALL_SEND=admins: others read", async () => {
  chat = await ChatFixture.open({ HALL_SEND: "admins" });
  const [ann, boss] = (await chat.people(2)) as [number, number];
  const send = { clientId: "a", type: 1, body: { content: "hello" } };
  expect((await chat.ask(ann, "POST", "/rooms/1/messages", send)).status).toBe(403);
  await chat.say(`admin-${boss}`, 1, "news");
  expect((await chat.must(ann, "GET", "/rooms/1/messages")).items.map(content)).toEqual(["news"]);
});

test("IM-64: its members are all people and do not change; its settings are the administrators'", async () => {
  chat = await ChatFixture.open();
  const uids = await chat.people(3);
  const [ann, bob, boss] = uids as [number, number, number];
  expect((await chat.must(ann, "GET", "/rooms/1")).memberCount).toBe(3);
  uids.push(...(await chat.people(2)));
  const [gone] = (await chat.people(1)) as [number];
  await chat.scratch.raw("update users set deleted_at = 1 where uid = ?", gone);
  expect((await chat.must(ann, "GET", "/rooms/1")).memberCount).toBe(5);
  const first = await chat.must(ann, "GET", "/rooms/1/members?limit=3");
  const rest = await chat.must(ann, "GET", `/rooms/1/members?limit=3&cursor=${first.nextCursor}`);
  expect([...first.items, ...rest.items].map(({ uid }) => uid)).toEqual(uids);
  expect(rest.nextCursor).toBeNull();

  expect((await chat.ask(ann, "POST", "/rooms/1/members", { memberIds: [bob] })).body.code).toBe("hall_fixed");
  expect((await chat.ask(ann, "DELETE", `/rooms/1/members/${ann}`)).body.code).toBe("hall_fixed");
  expect((await chat.ask(`admin-${boss}`, "DELETE", "/rooms/1")).body.code).toBe("hall_fixed");
  expect((await chat.ask(ann, "PATCH", "/rooms/1", { name: "Mine" })).status).toBe(403);
  expect((await chat.must(`admin-${boss}`, "PATCH", "/rooms/1", { name: "Lobby", muteAll: true })).name).toBe("Lobby");
  const send = { clientId: "a", type: 1, body: { content: "hello" } };
  expect((await chat.ask(ann, "POST", "/rooms/1/messages", send)).status).toBe(403);
  await chat.say(`admin-${boss}`, 1, "quiet, please");
});

test("IM-64: a deleted account leaves the number a minute later at most, and at once when the clock was set back", async () => {
  chat = await ChatFixture.open();
  const [ann, bob] = (await chat.people(3)) as [number, number];
  const { db, raw } = chat.scratch;
  const now = chat.clock.now();
  const remove = (uid: number) => raw("update users set deleted_at = 1 where uid = ?", uid);
  const count = new HallCount();
  expect(await count.read(db, now)).toBe(3);
  await remove(ann);
  expect(await count.read(db, now + 59_999)).toBe(3);
  expect(await count.read(db, now + 60_000)).toBe(2);
  await remove(bob);
  expect(await count.read(db, now + 60_000)).toBe(2);
  expect(await count.read(db, now + 59_999)).toBe(1);
});
