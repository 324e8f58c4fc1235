import { afterEach, beforeEach, expect, test } from "bun:test";
import { HALL_ROOM_ID } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { sendMessage } from "../messages/message-actions.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let cem: number;
let stranger: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob, cem, stranger] = (await chat.people(4)) as [number, number, number, number];
  room = await chat.group(ann, [bob, cem]);
});
afterEach(() => chat.close());

const read = (uid: number, seq: number, id = room) => chat.must(uid, "PUT", `/rooms/${id}/read`, { seq });
const ask = (who: number | string, id: number, state: string) =>
  chat.ask(who, "GET", `/messages/${id}/receipts?state=${state}`);
const uids = async (id: number, state: string, who = ann) => {
  const { items } = await chat.must(who, "GET", `/messages/${id}/receipts?state=${state}`);
  return items.map(({ uid }: { uid: number }) => uid);
};

test("IM-76: people go from unread to read as they read, write or do neither", async () => {
  const first = (await chat.say(ann, room, "one")).message;
  const second = (await chat.say(ann, room, "two")).message;
  expect([await uids(first.id, "read"), await uids(first.id, "unread")]).toEqual([[], [bob, cem]]);
  await read(bob, first.seq);
  expect((await ask(ann, first.id, "read")).body).toEqual({ items: [{ uid: bob, seq: first.seq }], nextCursor: null });
  expect((await ask(ann, first.id, "unread")).body.items).toEqual([{ uid: cem, seq: 1 }]);
  expect([await uids(second.id, "read"), await uids(second.id, "unread")]).toEqual([[], [bob, cem]]);
  await chat.say(cem, room, "three");
  expect([await uids(second.id, "read"), await uids(second.id, "unread")]).toEqual([[cem], [bob]]);
});

test("IM-76: people who came later, came back later or have left are in neither list", async () => {
  const [dan] = (await chat.people(1)) as [number];
  const { message } = await chat.say(ann, room, "one");
  await read(bob, message.seq);
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [dan] });
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  expect([await uids(message.id, "read"), await uids(message.id, "unread")]).toEqual([[], [cem]]);
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [bob] });
  expect([await uids(message.id, "read"), await uids(message.id, "unread")]).toEqual([[], [cem]]);
  const later = (await chat.say(ann, room, "two")).message;
  expect(await uids(later.id, "unread")).toEqual([bob, cem, dan]);
});

test("IM-76: in pages, each person once, in a room larger than READ tells of", async () => {
  const many = await chat.people(150);
  const large = await chat.group(ann, many);
  const { message } = await chat.say(ann, large, "hello");
  for (const uid of many.slice(0, 30)) await read(uid, message.seq, large);
  const people = async (state: string, limit: number) => {
    const path = `/messages/${message.id}/receipts?state=${state}&limit=${limit}`;
    return (await chat.pages<{ uid: number }>(ann, path)).map((page) => page.map(({ uid }) => uid));
  };
  expect(await people("read", 10)).toEqual([many.slice(0, 10), many.slice(10, 20), many.slice(20, 30)]);
  expect((await people("unread", 50)).map(({ length }) => length)).toEqual([50, 50, 20]);
  expect((await people("unread", 50)).flat()).toEqual(many.slice(30));
});

test("IM-76: only for its sender, who is in the room; not in the hall", async () => {
  const { message } = await chat.say(ann, room, "one");
  const code = async (reply: ReturnType<typeof ask>) => (await reply).body.code;
  expect(await code(ask(bob, message.id, "read"))).toBe("forbidden");
  expect(await code(ask(`admin-${bob}`, message.id, "read"))).toBe("forbidden");
  expect(await code(ask(stranger, message.id, "read"))).toBe("not_found");
  expect(await code(ask(ann, 9_999_999, "read"))).toBe("not_found");
  expect(await code(ask(ann, message.id, "seen"))).toBe("invalid");
  expect((await chat.ask(ann, "GET", `/messages/${message.id}/receipts`)).status).toBe(400);
  expect((await chat.ask(undefined, "GET", `/messages/${message.id}/receipts?state=read`)).status).toBe(401);
  const hello = (await chat.say(ann, HALL_ROOM_ID, "hello")).message;
  expect(await code(ask(ann, hello.id, "read"))).toBe("forbidden");
  const own = (await chat.say(bob, room, "two")).message;
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  expect(await code(ask(bob, own.id, "unread"))).toBe("forbidden");
});

test("IM-14, IM-76: a message that only its sender may see looks like any other: read by those who have read beyond it", async () => {
  await read(bob, 1_000_000);
  const request = { clientId: "h", type: 1, body: { content: "unseen" } };
  const actor = { uid: ann, power: 0 } as const;
  const { id } = await sendMessage(chat.context, actor, { roomId: room, request, visibleTo: "sender" });
  expect([await uids(id, "read"), await uids(id, "unread")]).toEqual([[], [bob, cem]]);
  const { message } = await chat.say(bob, room, "later");
  expect([await uids(id, "read"), await uids(id, "unread")]).toEqual([[bob], [cem]]);
  await read(cem, message.seq);
  expect([await uids(id, "read"), await uids(id, "unread")]).toEqual([[bob, cem], []]);
  expect((await ask(bob, id, "read")).status).toBe(404);
});
