import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Message, Push, roomStream, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import * as actions from "./message-actions.ts";
import { messageDataOf } from "./message-rows.ts";
import { sendMessages } from "./send.ts";
import type { SendInput, Visibility } from "./send-lookups.ts";

/** No route sends these yet, so the action does. */
let chat: ChatFixture;
let ann: number;
let ben: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, ben] = (await chat.people(2)) as [number, number];
  room = await chat.group(ann, [ben]);
});
afterEach(() => chat.close());

interface More {
  readonly visibleTo?: Visibility;
  readonly to?: number;
  readonly clientId?: string;
  readonly replyTo?: number;
}

let sends = 0;
async function send(who: number, content: string, more: More = {}) {
  const { visibleTo = "sender", to = room, ...rest } = more;
  const request = { clientId: `h${sends++}`, type: 1, body: { content }, ...rest };
  const sent = await actions.sendMessage(chat.context, { uid: who, power: 0 }, { roomId: to, request, visibleTo });
  return { created: sent.created, ...(JSON.parse(sent.text) as Message) };
}
const codeOf = (action: Promise<unknown>) =>
  action.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
const history = async (who: number, query = "") =>
  (await chat.must(who, "GET", `/rooms/${room}/messages?${query}`)).items as Message[];
const ids = (items: readonly Message[]) => items.map(({ message }) => message.id);

test("IM-4, IM-14: it stands at the room's newest event, has no number, and is logged for its sender alone", async () => {
  const { message: before } = await chat.say(ben, room, "hello");
  const inRoom = chat.events(roomStream(room)).length;
  const { created, ...hidden } = await send(ann, "hidden");
  expect(created).toBe(true);
  expect(hidden.message).toMatchObject({ roomId: room, type: 1, seq: before.seq, no: null });
  expect(chat.events(roomStream(room))).toHaveLength(inRoom);
  expect(chat.eventsOf(ann).at(-1)).toMatchObject({ type: Push.MESSAGE, pos: hidden.message.id, data: hidden });
  const built = await messageDataOf(chat.scratch.db, [hidden.message.id]);
  expect(JSON.parse(built.get(hidden.message.id)?.text as string)).toEqual(hidden);
  const { message: next } = await chat.say(ben, room, "still there?");
  expect(next).toMatchObject({ seq: before.seq + 1, no: 2 });
});

test("IM-14: its sender reads it like any other message, in its place", async () => {
  const first = await chat.say(ben, room, "first");
  const one = await send(ann, "one");
  const two = await send(ann, "two");
  const last = await chat.say(ben, room, "last");
  const { created, ...shown } = one;
  const all = [first.message.id, one.message.id, two.message.id, last.message.id];
  expect(await chat.must(ann, "GET", `/messages/${one.message.id}`)).toEqual(shown);
  for (const limit of [1, 2, 3, 4, 5]) {
    const pages = await chat.pages<Message>(ann, `/rooms/${room}/messages?limit=${limit}`);
    expect(pages.toReversed().flatMap(ids)).toEqual(all);
    const forwards = await chat.pages<Message>(ann, `/rooms/${room}/messages?limit=${limit}&after=0`);
    expect(forwards.flatMap(ids)).toEqual(all);
    const rest = await chat.pages<Message>(ann, `/rooms/${room}/messages?limit=${limit}&after=${one.message.id}`);
    expect(rest.flatMap(ids)).toEqual(all.slice(2));
  }
});

test("IM-14: nobody else learns of it, not even administrators", async () => {
  const { message: first } = await chat.say(ben, room, "first");
  const before = await chat.must(ben, "GET", "/rooms");
  const { message } = await send(ann, "hidden");
  const { asOf: _, ...after } = await chat.must(ben, "GET", "/rooms");
  expect(after).toEqual({ items: before.items, nextCursor: before.nextCursor });
  expect((await chat.must(ben, "GET", "/unread")).total).toBe(0);
  for (const who of [ben, `admin-${ben}`]) {
    expect((await chat.ask(who, "GET", `/messages/${message.id}`)).status).toBe(404);
    expect((await chat.ask(who, "DELETE", `/messages/${message.id}`)).status).toBe(404);
    const reply = { clientId: `r-${who}`, type: 1, body: { content: "?" }, replyTo: message.id };
    expect((await chat.ask(who, "POST", `/rooms/${room}/messages`, reply)).body.code).toBe("reply_unknown");
    for (const query of [`after=${message.id}`, `cursor=older-${message.id}`, `cursor=newer-${message.id}`]) {
      expect((await chat.ask(who, "GET", `/rooms/${room}/messages?${query}`)).body.code).toBe("invalid");
    }
  }
  for (const query of ["", "after=0", "limit=1", `after=${first.id}`]) {
    expect(ids(await history(ben, query))).not.toContain(message.id);
  }
  expect(JSON.stringify(chat.events(roomStream(room)))).not.toContain("hidden");
  expect(chat.eventsOf(ben).map(({ type }) => type)).not.toContain(Push.MESSAGE);
});

test("IM-14, IM-53: it changes neither the newest message nor the order of rooms, and says that its sender has read", async () => {
  const other = await chat.group(ann, [ben]);
  const { message } = await chat.say(ben, room, "first");
  await chat.say(ben, other, "later");
  const order = (await chat.must(ann, "GET", "/rooms")).items.map(({ id }: { id: number }) => id);
  await send(ann, "hidden");
  const { items } = await chat.must(ann, "GET", "/rooms");
  expect(items.map(({ id }: { id: number }) => id)).toEqual(order);
  const line = items.find(({ id }: { id: number }) => id === room);
  expect(line).toMatchObject({ unread: 0, readSeq: message.seq, seq: message.seq });
  expect(line.lastMessage.message.id).toBe(message.id);
  await chat.say(ben, room, "second");
  expect((await chat.must(ann, "GET", "/unread")).rooms).toContainEqual({ roomId: room, unread: 1 });
});

test("IM-5, IM-14: the same client id is a repeat, in one batch or later, also when the message is for everybody by then", async () => {
  const clientId = "once";
  const sent = await Promise.all([send(ann, "x", { clientId }), send(ann, "x", { clientId })]);
  expect(sent.map(({ created }) => created).sort()).toEqual([false, true]);
  const later = await send(ann, "x", { clientId, visibleTo: "room" });
  expect(later).toMatchObject({ created: false, message: { id: sent[0]?.message.id as number, no: null } });
  expect(await codeOf(send(ann, "y", { clientId }))).toBe("client_id_reused");
});

test("IM-4: mixed with others in one batch it takes no number, and ids and seqs rise together", async () => {
  const of = ["room", "sender", "sender", "room", "sender", "room"] as const;
  const sent = await Promise.all(of.map((visibleTo, n) => send(n % 2 ? ann : ben, `m${n}`, { visibleTo })));
  const base = 1;
  expect(sent.map(({ message }) => message.seq - base)).toEqual([1, 1, 1, 2, 2, 3]);
  expect(sent.map(({ message }) => message.no)).toEqual([1, null, null, 2, null, 3]);
  expect(sent.map(({ message }) => message.id)).toEqual(sent.map(({ message }) => message.id).sort((a, b) => a - b));
  const mine = (who: number) => sent.filter(({ fromUser, message }) => message.no !== null || fromUser.uid === who);
  expect(ids(await history(ann))).toEqual(ids(mine(ann)));
  expect(ids(await history(ben))).toEqual(ids(mine(ben)));
});

test("IM-15: its sender recalls it, and only their own stream tells", async () => {
  const { message } = await send(ann, "oh no");
  const inRoom = chat.events(roomStream(room)).length;
  const now = await chat.must(ann, "DELETE", `/messages/${message.id}`);
  expect(now.message).toEqual({ ...message, type: 2, body: "The sender recalled this message" });
  expect(chat.events(roomStream(room))).toHaveLength(inRoom);
  expect(chat.eventsOf(ann).at(-1)).toMatchObject({
    type: Push.RECALL,
    data: { msgId: message.id, roomId: room, recallUid: ann },
  });
  expect(ids(await history(ann))).toEqual([message.id]);
  expect((await chat.ask(ann, "DELETE", `/messages/${message.id}`)).body.code).toBe("already_recalled");
  chat.clock.advance(1);
  const { message: late } = await send(ann, "too late");
  chat.clock.advance(120_001);
  expect((await chat.ask(ann, "DELETE", `/messages/${late.id}`)).body.code).toBe("recall_too_late");
});

test("IM-15: it is quoted only by messages that nobody else may see, and quotes any", async () => {
  const { message: open } = await chat.say(ben, room, "open");
  const hidden = await send(ann, "hidden", { replyTo: open.id });
  expect(hidden.message.body).toMatchObject({ reply: { id: open.id, body: "open", gapCount: 1, canCallback: 1 } });
  expect(await codeOf(send(ann, "look", { replyTo: hidden.message.id, visibleTo: "room" }))).toBe("reply_unknown");
  await chat.say(ben, room, "in between");
  const answer = await send(ann, "more", { replyTo: hidden.message.id });
  expect(answer.message.body).toMatchObject({ reply: { id: hidden.message.id, body: "hidden", gapCount: 2 } });
  expect(await codeOf(send(ben, "what?", { replyTo: hidden.message.id }))).toBe("reply_unknown");
});

test("IM-15: how far back a quotation lies is counted in its own room", async () => {
  await chat.say(ben, room, "open");
  for (const notice of ["one", "two"]) await chat.must(ann, "PATCH", `/rooms/${room}`, { notice });
  const hidden = await send(ann, "hidden");
  const other = await chat.group(ann, [ben]);
  for (let n = 0; n < 5; n++) await chat.say(ben, other, "elsewhere");
  const answer = await send(ann, "more", { replyTo: hidden.message.id });
  expect(answer.message.body).toMatchObject({ reply: { id: hidden.message.id, gapCount: 1 } });
});

test("IM-14, IM-31: their window cuts it like other messages, and what is refused in the room is refused", async () => {
  const { message } = await send(ben, "hidden");
  await chat.must(ann, "PATCH", `/rooms/${room}`, { history: "joined" });
  await chat.must(ann, "DELETE", `/rooms/${room}/members/${ben}`);
  expect(ids(await history(ben))).toEqual([message.id]);
  expect(await codeOf(send(ben, "gone"))).toBe("forbidden");
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [ben] });
  expect((await chat.ask(ben, "GET", `/messages/${message.id}`)).status).toBe(404);
  expect(ids(await history(ben))).toEqual([]);
});

test("IM-14: in a room that has no event yet its sender reads it, too", async () => {
  const { message } = await send(ann, "the first thing in the hall", { to: 1 });
  expect(message.seq).toBe(0);
  expect(ids((await chat.must(ann, "GET", "/rooms/1/messages")).items)).toEqual([message.id]);
  expect((await chat.must(ben, "GET", "/rooms/1/messages")).items).toEqual([]);
  await chat.say(ben, 1, "hello");
  expect((await chat.must(ann, "GET", "/unread")).rooms).toEqual([{ roomId: 1, unread: 1 }]);
});

test("messages for everybody in a room cost no statement more, and those for their sender one in the place of another", async () => {
  let count = 0;
  const inputs = (visibleTo: Visibility): SendInput[] =>
    Array.from({ length: 3 }, () => ({
      actor: { uid: ann, power: 0 },
      roomId: room,
      clientId: `s${count++}`,
      type: 1,
      stored: { content: "x" },
      replyTo: null,
      mentions: [],
      visibleTo,
    }));
  const statements = (...of: Visibility[]) => chat.statements((tx) => sendMessages(tx, of.flatMap(inputs)));
  await chat.say(ann, room, "first");
  expect(await statements("room")).toBe(10);
  expect(await statements("sender")).toBe(9);
  expect(await statements("room", "sender")).toBe(10);
  expect(chat.events(userStream(ann)).length).toBeGreaterThan(0);
});

test("IM-14, IM-73: in the hall it makes no dot for an account that is made later", async () => {
  for (const content of ["one", "two"]) await send(ann, content, { to: 1, visibleTo: "room" });
  await send(ann, "hidden", { to: 1 });
  chat.clock.advance(1000);
  const [later] = (await chat.people(1)) as [number];
  const dots = () => chat.must(later, "GET", "/unread");
  expect(await dots()).toMatchObject({ total: 0, rooms: [] });
  await send(ann, "three", { to: 1, visibleTo: "room" });
  expect(await dots()).toMatchObject({ total: 1 });
});
