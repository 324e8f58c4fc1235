import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { deleteAccount } from "../identity/accounts-writes.ts";

/** ann has blocked ben; cem is a friend of both. */
let chat: ChatFixture;
let ann: number;
let ben: number;
let cem: number;

beforeEach(async () => {
  chat = await ChatFixture.open({ HALL: "off" });
  [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
  await chat.must(ann, "PUT", `/blocks/${ben}`);
});
afterEach(() => chat.close());

const rooms = async (who: number) => (await chat.must(who, "GET", "/rooms")).items.map(({ id }: { id: number }) => id);
const members = async (who: number, room: number) =>
  (await chat.must(who, "GET", `/rooms/${room}/members`)).items.map(({ uid }: { uid: number }) => uid);
const texts = async (who: number, room: number) =>
  (await chat.must(who, "GET", `/rooms/${room}/messages`)).items.map(
    ({ message }: { message: { body: { content: string } } }) => message.body.content,
  );
/** What ann's devices were told, except her block. */
const told = () =>
  chat
    .eventsOf(ann)
    .slice(1)
    .map(({ type, data }) => [type, data]);
/** For ann the room does not exist at all. */
async function unknownToAnn(room: number): Promise<void> {
  expect([await rooms(ann), told()]).toEqual([[], []]);
  expect((await chat.must(ann, "GET", "/unread")).rooms).toEqual([]);
  expect((await chat.must(ann, "GET", "/me/export")).rooms).toEqual([]);
  const send = { clientId: "a", type: 1, body: { content: "?" } };
  for (const [method, path, body] of [
    ["GET", `/rooms/${room}`],
    ["GET", `/rooms/${room}/members`],
    ["GET", `/rooms/${room}/messages`],
    ["POST", `/rooms/${room}/messages`, send],
    ["PUT", `/rooms/${room}/read`, { seq: 1 }],
    ["PATCH", `/rooms/${room}/settings`, { pinned: true }],
    ["DELETE", `/rooms/${room}/members/${ann}`],
  ] as const) {
    expect({ path, status: (await chat.ask(ann, method, path, body)).status }).toEqual({ path, status: 404 });
  }
}

test("BLK-8: a group into which somebody blocked brings the other does not exist for that one, and has them for everybody else", async () => {
  const made = await chat.ask(ben, "POST", "/rooms", { name: "g", memberIds: [ann, cem] });
  expect(made).toMatchObject({ status: 201, body: { memberCount: 3 } });
  const room = made.body.id as number;
  await chat.say(ben, room, "look who is here");
  await unknownToAnn(room);
  expect([await members(ben, room), await members(cem, room)]).toEqual([
    [ann, ben, cem],
    [ann, ben, cem],
  ]);
  expect(chat.events(roomStream(room))[0]?.data).toMatchObject({ uids: [ben, ann, cem] });
});

test("BLK-8: the first message of somebody else brings them in, and they read what was before, too", async () => {
  const { id: room } = await chat.must(ben, "POST", "/rooms", { name: "g", memberIds: [ann, cem] });
  await chat.say(ben, room, "one");
  await chat.must(ben, "PATCH", `/rooms/${room}`, { notice: "ours" });
  const head = chat.events(roomStream(room)).at(-1)?.seq as number;
  await chat.say(cem, room, "two");
  const at = chat.clock.now();
  expect(told()).toEqual([
    [Push.MEMBER_CHANGE, { roomId: room, uid: ann, changeType: 1, seq: head + 1, joinedAt: at }],
  ]);
  expect(await rooms(ann)).toEqual([room]);
  expect(await texts(ann, room)).toEqual(["one", "two"]);
  expect((await chat.must(ann, "GET", "/unread")).rooms).toEqual([{ roomId: room, unread: 2 }]);
  // Nobody else is told that anything has changed.
  expect(chat.events(roomStream(room)).map(({ type }) => type)).toEqual([
    Push.MEMBER_CHANGE,
    Push.MESSAGE,
    Push.ROOM,
    Push.MESSAGE,
  ]);
  await chat.say(ann, room, "three");
  await chat.must(ann, "DELETE", `/rooms/${room}/members/${ann}`);
  expect(await members(cem, room)).toEqual([ben, cem]);
});

test("BLK-8: in one batch with messages of the person who is blocked, and for several rooms", async () => {
  const ids: number[] = [];
  for (let n = 0; n < 3; n++) {
    ids.push((await chat.must(ben, "POST", "/rooms", { name: `g${n}`, memberIds: [ann, cem] })).id);
  }
  const [first, second, third] = ids as [number, number, number];
  const say = [
    chat.say(ben, first, "b"),
    chat.say(cem, first, "c"),
    chat.say(ben, second, "b"),
    chat.say(cem, third, "c"),
  ];
  await Promise.all(say);
  expect((await rooms(ann)).sort()).toEqual([first, third]);
  expect(await texts(ann, first)).toEqual(["b", "c"]);
});

test("BLK-8: added to a group that is there, by the one and then by another", async () => {
  const room = await chat.group(cem, [ben]);
  expect(await chat.must(ben, "POST", `/rooms/${room}/members`, { memberIds: [ann] })).toMatchObject({
    added: [ann],
    memberCount: 3,
  });
  await unknownToAnn(room);
  expect(await chat.must(ben, "POST", `/rooms/${room}/members`, { memberIds: [ann] })).toMatchObject({ added: [] });
  await unknownToAnn(room);
  expect(await chat.must(cem, "POST", `/rooms/${room}/members`, { memberIds: [ann] })).toMatchObject({ added: [] });
  expect(await rooms(ann)).toEqual([room]);
});

test("BLK-8: removed again, they never learn of it, and come back as anybody does", async () => {
  const room = await chat.group(cem, [ben]);
  await chat.must(ben, "POST", `/rooms/${room}/members`, { memberIds: [ann] });
  await chat.must(cem, "DELETE", `/rooms/${room}/members/${ann}`);
  await unknownToAnn(room);
  await chat.say(cem, room, "without ann");
  await unknownToAnn(room);
  await chat.must(cem, "POST", `/rooms/${room}/members`, { memberIds: [ann] });
  expect(await rooms(ann)).toEqual([room]);
  expect((await chat.must(cem, "GET", `/rooms/${room}`)).memberCount).toBe(3);
});

test("BLK-8: a direct room that somebody blocked opens is there for them alone, until the other one opens it", async () => {
  const { status, body } = await chat.ask(ben, "POST", "/rooms/direct", { userId: ann });
  expect({ status, body }).toMatchObject({ status: 201, body: { memberCount: 2, userId: ann } });
  expect((await chat.ask(ben, "POST", "/rooms/direct", { userId: ann })).status).toBe(200);
  await chat.say(ben, body.id, "hello?");
  await unknownToAnn(body.id);
  const opened = await chat.ask(ann, "POST", "/rooms/direct", { userId: ben });
  expect(opened).toMatchObject({ status: 200, body: { id: body.id, userId: ben } });
  expect([await rooms(ann), await texts(ann, body.id)]).toEqual([[body.id], []]);
});

test("BLK-8: a direct room comes up with the first message after the block, and with a friendship", async () => {
  const { id: room } = await chat.must(ben, "POST", "/rooms/direct", { userId: ann });
  await chat.must(ann, "DELETE", `/blocks/${ben}`);
  expect(await rooms(ann)).toEqual([]);
  await chat.say(ben, room, "at last");
  expect([await rooms(ann), await texts(ann, room)]).toEqual([[room], ["at last"]]);
  const [dan] = (await chat.people(1)) as [number];
  await chat.must(ann, "PUT", `/blocks/${dan}`);
  const { id: other } = await chat.must(dan, "POST", "/rooms/direct", { userId: ann });
  await chat.must(ann, "DELETE", `/blocks/${dan}`);
  const { id } = await chat.must(dan, "POST", "/friend-requests", { userId: ann });
  await chat.must(ann, "POST", `/friend-requests/${id}/accept`);
  expect(await rooms(ann)).toContain(other);
});

test("BLK-8: people who know each other only by such a room learn nothing of each other's presence", async () => {
  const [spy] = (await chat.people(1)) as [number];
  const { id: room } = await chat.must(ben, "POST", "/rooms", { name: "trap", memberIds: [ann, spy] });
  chat.context.presence.attached(ann);
  for (const who of [ben, spy]) {
    const { items } = await chat.must(who, "GET", `/presence?userIds=${ann}`);
    expect(items).toEqual([{ uid: ann, activeStatus: 2, lastOptTime: null }]);
    const shown = (await chat.must(who, "GET", `/rooms/${room}/members`)).items[0];
    expect(shown).toMatchObject({ uid: ann, activeStatus: 2, lastOptTime: null });
  }
});

test("BLK-8: a group that was handed over to somebody who does not know of it keeps their account from nothing", async () => {
  const room = await chat.group(ben, [ann, cem]);
  await chat.must(ben, "PUT", `/rooms/${room}/owner`, { uid: ann });
  await chat.scratch.writes.run(deleteAccount, { uid: ann });
  expect((await chat.must(cem, "GET", `/rooms/${room}/members`)).items[0]).toMatchObject({ name: "Deleted user" });
});

test("BLK-8: mentions of them are accepted, and bring them in where somebody else writes them", async () => {
  const room = await chat.group(ben, [ann, cem]);
  await chat.say(ben, room, "hey", { mentions: [ann] });
  await unknownToAnn(room);
  await chat.say(cem, room, "ann?", { mentions: [ann] });
  expect(await rooms(ann)).toEqual([room]);
});

test("BLK-8: nobody is in more than a thousand rooms that they do not know of, and those keep them from none that they do", async () => {
  await chat.fill("rooms", ["id", "type", "name", "no", "created_at"], 1000, (n) => [900_000 + n, 1, "r", 0, 1]);
  const columns = ["room_id", "uid", "role", "from_seq", "joined_seq", "joined_pos", "joined_at", "untold"];
  await chat.fill("members", columns, 1000, (n) => [900_000 + n, ann, 3, 1, 1, 1, 1, 1]);
  const full = { status: 422, body: { code: "too_many_rooms", userIds: [ann] } };
  expect(await chat.ask(ben, "POST", "/rooms", { memberIds: [ann] })).toMatchObject(full);
  expect(await chat.ask(ben, "POST", "/rooms/direct", { userId: ann })).toMatchObject(full);
  const room = await chat.group(cem, [ben]);
  expect(await chat.ask(ben, "POST", `/rooms/${room}/members`, { memberIds: [ann] })).toMatchObject(full);
  expect((await chat.ask(cem, "POST", `/rooms/${room}/members`, { memberIds: [ann] })).status).toBe(200);
});
