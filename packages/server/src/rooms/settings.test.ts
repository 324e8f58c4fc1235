import { afterEach, beforeEach, expect, test } from "bun:test";
import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { changeSettings } from "./setting-writes.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let stranger: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob, stranger] = (await chat.people(3)) as [number, number, number];
  room = await chat.group(ann, [bob]);
});
afterEach(() => chat.close());

const change = (who: number, changes: object, on = room) => chat.ask(who, "PATCH", `/rooms/${on}/settings`, changes);
const told = (uid: number) =>
  chat
    .eventsOf(uid)
    .filter(({ type }) => type === Push.SELF)
    .map(({ data }) => data);
const listed = async (who: number, id = room) => {
  const { items } = await chat.must(who, "GET", "/rooms");
  const { pinned, muted } = items.find((line: { id: number }) => line.id === id);
  return { pinned, muted };
};

test("IM-90: a person pins and mutes a room for themselves; SELF says what is different, and nobody else is told", async () => {
  expect(await change(bob, { pinned: true })).toEqual({
    status: 200,
    body: { roomId: room, pinned: true, muted: false },
  });
  expect((await change(bob, { pinned: true, muted: true })).body).toEqual({ roomId: room, pinned: true, muted: true });
  expect((await change(bob, { pinned: false })).body).toEqual({ roomId: room, pinned: false, muted: true });
  expect(told(bob)).toEqual([
    { roomId: room, pinned: true },
    { roomId: room, muted: true },
    { roomId: room, pinned: false },
  ]);
  expect(told(ann)).toEqual([]);
  expect([await listed(bob), await listed(ann)]).toEqual([
    { pinned: false, muted: true },
    { pinned: false, muted: false },
  ]);
});

test("IM-90: a request that changes nothing is 200, and no device is told", async () => {
  await change(bob, { muted: true });
  const before = chat.scratch.events.length;
  for (const changes of [{ muted: true }, { pinned: false }, {}]) expect((await change(bob, changes)).status).toBe(200);
  expect(chat.scratch.events.length).toBe(before);
  expect((await change(bob, { pinned: 1 })).status).toBe(400);
});

test("IM-90: settings change neither what is unread nor what is read, and reading changes no settings", async () => {
  const { message } = await chat.say(ann, room, "hello");
  await change(bob, { pinned: true, muted: true });
  expect((await chat.must(bob, "GET", "/unread")).rooms).toEqual([{ roomId: room, unread: 1 }]);
  await chat.must(bob, "PUT", `/rooms/${room}/read`, { seq: message.seq });
  await change(bob, { muted: false });
  const { items } = await chat.must(bob, "GET", "/rooms");
  expect(items[0]).toMatchObject({ id: room, unread: 0, readSeq: message.seq, pinned: true, muted: false });
  await chat.say(bob, room, "me too");
  expect(await listed(bob)).toEqual({ pinned: true, muted: false });
});

test("IM-90: they hold in the hall and in direct rooms, and outlast leaving and coming back", async () => {
  const direct = (await chat.must(ann, "POST", "/rooms/direct", { userId: bob })).id;
  for (const id of [HALL_ROOM_ID, direct, room]) {
    await change(bob, { pinned: true }, id);
    expect(await listed(bob, id)).toEqual({ pinned: true, muted: false });
  }
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  expect((await change(bob, { pinned: false })).body.code).toBe("forbidden");
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [bob] });
  expect(await listed(bob)).toEqual({ pinned: true, muted: false });
  const exported = await chat.must(bob, "GET", "/me/export");
  expect(exported.hall).toEqual({ pinned: true, muted: false });
  expect(exported.rooms.find((one: { roomId: number }) => one.roomId === room)).toMatchObject({
    pinned: true,
    muted: false,
  });
});

test("IM-90: strangers, anonymous requests and rooms that are no more are refused", async () => {
  expect((await change(stranger, { pinned: true })).body.code).toBe("not_found");
  expect((await change(bob, { pinned: true }, 999)).body.code).toBe("not_found");
  expect((await chat.ask(undefined, "PATCH", `/rooms/${room}/settings`, { pinned: true })).status).toBe(401);
  await chat.must(ann, "DELETE", `/rooms/${room}`);
  expect((await change(bob, { pinned: true })).body.code).toBe("room_dissolved");
  expect(told(bob)).toEqual([]);
});

test("IM-90: settings of many are changed by as many statements as those of one, each seeing the one before", async () => {
  const of = (uid: number, changes: { pinned?: boolean; muted?: boolean }) => ({
    actor: { uid, power: 0 as const },
    roomId: room,
    changes,
  });
  const few = await chat.statements((tx) => changeSettings(tx, [of(bob, { pinned: true })]));
  expect(few).toBeGreaterThan(3);
  const people = await chat.people(50);
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: people });
  const many = people.flatMap((uid) => [
    of(uid, { pinned: true }),
    of(uid, { muted: true }),
    of(uid, { pinned: false }),
  ]);
  expect(await chat.statements((tx) => changeSettings(tx, many))).toBe(few);
  expect(await listed(people[7] as number)).toEqual({ pinned: false, muted: true });
  await chat.statements((tx) => changeSettings(tx, [of(ann, { pinned: true }), of(ann, { muted: true })]));
  expect(await listed(ann)).toEqual({ pinned: true, muted: true });
});
