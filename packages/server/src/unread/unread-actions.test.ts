import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob] = (await chat.people(2)) as [number, number];
  room = await chat.group(ann, [bob]);
});
afterEach(() => chat.close());

const dots = async (uid: number) => {
  const { total, rooms } = await chat.must(uid, "GET", "/unread");
  return { total, rooms };
};
const read = (uid: number, seq: number, id = room) => chat.must(uid, "PUT", `/rooms/${id}/read`, { seq });
const told = (uid: number) =>
  chat
    .eventsOf(uid)
    .filter(({ type }) => type === Push.SELF)
    .map(({ data }) => data);

test("IM-70: messages of others are unread until read; a place only moves forward", async () => {
  const seqs: number[] = [];
  for (let n = 0; n < 5; n++) seqs.push((await chat.say(bob, room, `m${n}`)).message.seq);
  expect(await dots(ann)).toEqual({ total: 5, rooms: [{ roomId: room, unread: 5 }] });
  expect(await dots(bob)).toEqual({ total: 0, rooms: [] });
  expect(await read(ann, seqs[2] as number)).toEqual({ roomId: room, readSeq: seqs[2], unread: 2 });
  expect(await read(ann, seqs[0] as number)).toEqual({ roomId: room, readSeq: seqs[2], unread: 2 });
  expect(await dots(ann)).toEqual({ total: 2, rooms: [{ roomId: room, unread: 2 }] });
  const head = (await chat.must(ann, "GET", `/rooms/${room}`)).seq;
  expect(await read(ann, 1_000_000)).toEqual({ roomId: room, readSeq: head, unread: 0 });
  await chat.say(bob, room, "one more");
  expect((await dots(ann)).total).toBe(1);
  expect((await chat.must(ann, "GET", "/rooms")).items[0]).toMatchObject({ id: room, unread: 1, readSeq: head });
});

test("IM-71: events that are not messages make no dot", async () => {
  await chat.must(ann, "PATCH", `/rooms/${room}`, { notice: "n" });
  expect((await dots(bob)).total).toBe(0);
  await chat.say(ann, room, "m");
  await chat.must(ann, "PATCH", `/rooms/${room}`, { notice: "o" });
  expect(await read(bob, 2)).toEqual({ roomId: room, readSeq: 2, unread: 1 });
  expect((await read(bob, 4)).unread).toBe(0);
});

test("IM-72: a person who writes has read the room up to their message", async () => {
  await chat.say(bob, room, "one");
  await chat.say(bob, room, "two");
  const { message } = await chat.say(ann, room, "three");
  expect((await dots(ann)).total).toBe(0);
  expect((await chat.must(ann, "GET", "/rooms")).items[0].readSeq).toBe(message.seq);
  await chat.say(bob, room, "four");
  expect((await dots(ann)).total).toBe(1);
});

test("IM-73: in the hall what was said before an account was made is read, and everything after is unread", async () => {
  await chat.say(ann, 1, "long ago");
  chat.clock.advance(1);
  const [cem, dan] = (await chat.people(2)) as [number, number];
  await chat.say(ann, 1, "hello newcomers");
  chat.clock.advance(1000);
  await chat.say(ann, 1, "anyone?");
  expect((await chat.must(cem, "GET", "/rooms")).items[0]).toMatchObject({ id: 1, unread: 2 });
  expect(await dots(cem)).toEqual({ total: 2, rooms: [{ roomId: 1, unread: 2 }] });
  await chat.say(ann, 1, "well");
  expect((await dots(cem)).total).toBe(3);
  expect(await read(cem, 3, 1)).toEqual({ roomId: 1, readSeq: 3, unread: 1 });
  expect(await read(dan, 2, 1)).toEqual({ roomId: 1, readSeq: 2, unread: 2 });
  await chat.say(dan, 1, "hi");
  expect((await dots(dan)).total).toBe(0);
  expect((await dots(cem)).total).toBe(2);
});

test("IM-74: other devices are told at once, then once for what comes within a second", async () => {
  for (let n = 0; n < 6; n++) await chat.say(bob, room, `m${n}`);
  await read(ann, 1);
  await read(ann, 3);
  expect(told(ann)).toEqual([{ roomId: room, readSeq: 3, unread: 4 }]);
  await read(ann, 3);
  await read(ann, 4);
  await read(ann, 5);
  await chat.selfGate.flush();
  expect(told(ann)).toHaveLength(1);
  expect((await dots(ann)).total).toBe(2);
  chat.clock.advance(1000);
  await chat.selfGate.flush();
  expect(told(ann).slice(1)).toEqual([{ roomId: room, readSeq: 5, unread: 2 }]);
  await read(ann, 6);
  expect(told(ann)).toHaveLength(2);
  await chat.selfGate.flush({ everything: true });
  expect(told(ann).slice(2)).toEqual([{ roomId: room, readSeq: 6, unread: 1 }]);
  await chat.selfGate.flush({ everything: true });
  expect(told(ann)).toHaveLength(3);
});

test("IM-74: what was told at once is not told again later, and what was held back is told once", async () => {
  for (let n = 0; n < 3; n++) await chat.say(bob, room, `m${n}`);
  const later = async () => {
    chat.clock.advance(1000);
    await chat.selfGate.flush();
    return told(ann).map(({ readSeq }) => readSeq);
  };
  await read(ann, 2);
  expect(await later()).toEqual([2]);
  await read(ann, 3);
  await read(ann, 4);
  expect(await later()).toEqual([2, 3, 4]);
  expect(await later()).toEqual([2, 3, 4]);
});

test("IM-70: many reads at once end at the furthest", async () => {
  for (let n = 0; n < 20; n++) await chat.say(bob, room, `m${n}`);
  await Promise.all(Array.from({ length: 20 }, (_, n) => read(ann, 21 - n)));
  expect((await dots(ann)).total).toBe(0);
  await chat.selfGate.flush({ everything: true });
  expect(told(ann).length).toBeLessThanOrEqual(2);
  expect(told(ann).at(-1)).toEqual({ roomId: room, readSeq: 21, unread: 0 });
});

test("IM-52: strangers have no place in a room; a seq is a whole number", async () => {
  const [stranger] = (await chat.people(1)) as [number];
  expect((await chat.ask(stranger, "PUT", `/rooms/${room}/read`, { seq: 1 })).status).toBe(404);
  expect((await chat.ask(ann, "PUT", `/rooms/${room}/read`, { seq: -1 })).status).toBe(400);
  expect((await chat.ask(ann, "PUT", `/rooms/${room}/read`, { seq: 1.5 })).status).toBe(400);
  expect((await chat.ask(undefined, "GET", "/unread")).status).toBe(401);
});
