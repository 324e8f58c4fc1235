import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ActType, HALL_ROOM_ID, MarkType, type MessageMark, Push, roomStream, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { sendMessage } from "../messages/message-actions.ts";
import { changeMark } from "./mark-actions.ts";
import type { MarkInput } from "./mark-lookups.ts";
import { changeMarks } from "./mark-writes.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let cem: number;
let stranger: number;
let room: number;
let id: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob, cem, stranger] = (await chat.people(4)) as [number, number, number, number];
  room = await chat.group(ann, [bob, cem]);
  id = (await chat.say(ann, room, "a plan")).message.id;
});
afterEach(() => chat.close());

type Name = keyof typeof MarkType;
const set = (who: number | string, mark: Name, on = id) => chat.ask(who, "PUT", `/messages/${on}/marks/${mark}`);
const unset = (who: number | string, mark: Name, on = id) => chat.ask(who, "DELETE", `/messages/${on}/marks/${mark}`);
const shown = (likeCount: number, userLike: 0 | 1, dislikeCount: number, userDislike: 0 | 1): MessageMark => ({
  likeCount,
  userLike,
  dislikeCount,
  userDislike,
});
/** The lists of all MARK events of a stream, as [uid, markType, markCount, actType]. */
const told = (stream: string = roomStream(room)) =>
  chat
    .events(stream)
    .filter(({ type }) => type === Push.MARK)
    .map(({ data }) =>
      data.markList.map(({ uid, msgId, markType, markCount, actType }: Record<string, number>) => {
        expect(msgId).toBe(id);
        return [uid, markType, markCount, actType];
      }),
    );
const rows = () => chat.scratch.db.selectFrom("marks").selectAll().orderBy("uid").execute();

test("IM-80, IM-82: a mark is set and taken away, each told once in the room, with the count behind it", async () => {
  expect(await set(bob, "like")).toEqual({ status: 200, body: shown(1, 1, 0, 0) });
  expect(await set(cem, "like")).toEqual({ status: 200, body: shown(2, 1, 0, 0) });
  expect(await set(ann, "dislike")).toEqual({ status: 200, body: shown(2, 0, 1, 1) });
  expect(await unset(bob, "like")).toEqual({ status: 200, body: shown(1, 0, 1, 0) });
  expect(told()).toEqual([[[bob, 1, 1, 1]], [[cem, 1, 2, 1]], [[ann, 2, 1, 1]], [[bob, 1, 1, 2]]]);
  expect(await rows()).toEqual([
    { uid: ann, message_id: id, type: MarkType.dislike },
    { uid: cem, message_id: id, type: MarkType.like },
  ]);
});

test("IM-80: a request that changes nothing is 200, and nobody is told", async () => {
  await set(bob, "like");
  const before = chat.scratch.events.length;
  expect(await set(bob, "like")).toEqual({ status: 200, body: shown(1, 1, 0, 0) });
  expect(await unset(bob, "dislike")).toEqual({ status: 200, body: shown(1, 1, 0, 0) });
  expect(await unset(cem, "like")).toEqual({ status: 200, body: shown(1, 0, 0, 0) });
  expect(chat.scratch.events.length).toBe(before);
});

test("IM-81: one mark takes the place of the other, and one event tells both changes", async () => {
  await set(cem, "dislike");
  await set(bob, "dislike");
  expect(await set(bob, "like")).toEqual({ status: 200, body: shown(1, 1, 1, 0) });
  expect(await set(bob, "dislike")).toEqual({ status: 200, body: shown(0, 0, 2, 1) });
  expect(told().slice(2)).toEqual([
    [
      [bob, 2, 1, 2],
      [bob, 1, 1, 1],
    ],
    [
      [bob, 1, 0, 2],
      [bob, 2, 2, 1],
    ],
  ]);
  expect(await rows()).toHaveLength(2);
});

test("IM-84: wherever a message is shown, its counts are there and the reader's own marks", async () => {
  await set(ann, "dislike");
  await set(bob, "like");
  const everywhere = async (who: number) => [
    (await chat.must(who, "GET", `/messages/${id}`)).message.messageMark,
    (await chat.must(who, "GET", `/rooms/${room}/messages`)).items[0].message.messageMark,
    (await chat.must(who, "GET", "/rooms")).items[0].lastMessage.message.messageMark,
  ];
  expect(await everywhere(ann)).toEqual(Array(3).fill(shown(1, 0, 1, 1)));
  expect(await everywhere(bob)).toEqual(Array(3).fill(shown(1, 1, 1, 0)));
  expect(await everywhere(cem)).toEqual(Array(3).fill(shown(1, 0, 1, 0)));
});

test("IM-5, IM-84: a repeated send is answered with the marks that its message has now, the sender's own too", async () => {
  const send = (who: number, clientId: string) =>
    chat.must(who, "POST", `/rooms/${room}/messages`, { clientId, type: 1, body: { content: "once" } });
  const mine = (await send(ann, "c")).message;
  expect(mine.messageMark).toEqual(shown(0, 0, 0, 0));
  await set(ann, "like", mine.id);
  await set(bob, "like", mine.id);
  expect((await send(ann, "c")).message.messageMark).toEqual(shown(2, 1, 0, 0));
});

test("IM-86: a recalled message keeps its marks, and nobody changes them any more", async () => {
  await set(ann, "like");
  await set(bob, "dislike");
  const recalled = await chat.must(ann, "DELETE", `/messages/${id}`);
  expect(recalled.message).toMatchObject({ type: 2, messageMark: shown(1, 1, 1, 0) });
  const before = chat.scratch.events.length;
  for (const reply of [await set(cem, "like"), await unset(bob, "dislike"), await set(ann, "like")]) {
    expect({ status: reply.status, code: reply.body.code }).toEqual({ status: 422, code: "already_recalled" });
  }
  expect(chat.scratch.events.length).toBe(before);
  expect((await chat.must(cem, "GET", `/messages/${id}`)).message.messageMark).toEqual(shown(1, 0, 1, 0));
});

describe("IM-85: only people who may see the message and are in the room", () => {
  const codeOf = async (reply: ReturnType<typeof set>) => {
    const { status, body } = await reply;
    return { status, code: body.code };
  };
  const NOT_FOUND = { status: 404, code: "not_found" };

  test("strangers, administrators of the server too, and unknown messages: 404", async () => {
    expect(await codeOf(set(stranger, "like"))).toEqual(NOT_FOUND);
    expect(await codeOf(set(`admin-${stranger}`, "like"))).toEqual(NOT_FOUND);
    expect(await codeOf(unset(stranger, "dislike"))).toEqual(NOT_FOUND);
    expect(await codeOf(set(bob, "like", 9_999_999))).toEqual(NOT_FOUND);
    expect((await chat.ask(undefined, "PUT", `/messages/${id}/marks/like`)).status).toBe(401);
  });

  test("any other mark is 400, and so is a malformed id", async () => {
    const other = await chat.ask(bob, "PUT", `/messages/${id}/marks/love`);
    expect(other).toMatchObject({ status: 400, body: { code: "invalid", errors: [{ path: "mark" }] } });
    expect((await chat.ask(bob, "PUT", "/messages/0x1/marks/like")).status).toBe(400);
  });

  test("people who left: 403 for what they may still read, 404 for what came after them", async () => {
    await set(bob, "like");
    await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
    const later = (await chat.say(ann, room, "without bob")).message.id;
    expect(await codeOf(unset(bob, "like"))).toEqual({ status: 403, code: "forbidden" });
    expect(await codeOf(set(bob, "like", later))).toEqual(NOT_FOUND);
    expect((await chat.must(ann, "GET", `/messages/${id}`)).message.messageMark.likeCount).toBe(1);
  });

  test("what stands before a newcomer's window: 404", async () => {
    await chat.must(ann, "PATCH", `/rooms/${room}`, { history: "joined" });
    await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [stranger] });
    expect(await codeOf(set(stranger, "like"))).toEqual(NOT_FOUND);
    const later = (await chat.say(ann, room, "welcome")).message.id;
    expect((await set(stranger, "like", later)).status).toBe(200);
  });

  test("a dissolved room: 422 room_dissolved", async () => {
    await set(bob, "like");
    await chat.must(ann, "DELETE", `/rooms/${room}`);
    expect(await codeOf(unset(bob, "like"))).toEqual({ status: 422, code: "room_dissolved" });
    expect(told()).toHaveLength(1);
  });

  test("where nobody but the owner may write, everybody may mark", async () => {
    await chat.must(ann, "PATCH", `/rooms/${room}`, { muteAll: true });
    expect((await set(bob, "like")).status).toBe(200);
  });

  test("everybody in the hall, and nobody where it is off", async () => {
    const hello = (await chat.say(ann, HALL_ROOM_ID, "hello")).message.id;
    expect(await set(stranger, "like", hello)).toEqual({ status: 200, body: shown(1, 1, 0, 0) });
    const off = { access: "off", send: "everyone" } as const;
    const input = { hall: off, messageId: hello, markType: MarkType.like, actType: ActType.cancel };
    const refused = chat.context.writes.run(changeMarks, { ...input, actor: { uid: stranger, power: 0 } });
    expect(await refused.catch(({ code }) => code)).toBe("not_found");
  });
});

test("IM-14, IM-85: a message that only its sender may see is marked by its sender alone, in their own stream", async () => {
  const request = { clientId: "h", type: 1, body: { content: "unseen" } };
  const actor = { uid: bob, power: 0 } as const;
  id = (await sendMessage(chat.context, actor, { roomId: room, request, visibleTo: "sender" })).id;
  expect((await set(ann, "like")).status).toBe(404);
  expect(await set(bob, "like")).toEqual({ status: 200, body: shown(1, 1, 0, 0) });
  expect(told(userStream(bob))).toEqual([[[bob, 1, 1, 1]]]);
  expect(told()).toEqual([]);
});

test("IM-88: the marks of a deleted account stay counted, and an export has them in pages", async () => {
  const few = await chat.must(bob, "GET", "/me/export");
  expect(few.marks).toEqual({ items: [], nextCursor: null });
  // Without HTTP, which takes fewer at once.
  const sends = Array.from({ length: 501 }, (_, n) => {
    const request = { clientId: `n${n}`, type: 1, body: { content: `${n}` } };
    return sendMessage(chat.context, { uid: ann, power: 0 }, { roomId: room, request });
  });
  const ids = (await Promise.all(sends)).map((sent) => sent.id);
  const marks = ids.map((messageId, n) => {
    const wanted = { messageId, markType: n % 2 ? MarkType.like : MarkType.dislike, actType: ActType.confirm };
    return changeMark(chat.context, { uid: bob, power: 0 }, wanted);
  });
  await Promise.all(marks);
  const first = (await chat.must(bob, "GET", "/me/export")).marks;
  const rest = (await chat.must(bob, "GET", `/me/export?marksCursor=${first.nextCursor}`)).marks;
  expect(first.items).toHaveLength(500);
  expect([...first.items, ...rest.items]).toEqual(
    ids.map((messageId, n) => ({ messageId, mark: n % 2 ? "like" : "dislike" })),
  );
  expect(rest.nextCursor).toBeNull();
  const wrong = await chat.ask(bob, "GET", "/me/export?marksCursor=x");
  expect(wrong).toMatchObject({ status: 400, body: { errors: [{ path: "marksCursor" }] } });

  await chat.must(bob, "DELETE", "/me");
  expect((await chat.must(ann, "GET", `/messages/${ids[1]}`)).message.messageMark).toEqual(shown(1, 0, 0, 0));
});

test("marks of many people on many messages are written by as many statements as one", async () => {
  const other = (await chat.say(ann, room, "another")).message.id;
  const of = (uid: number, messageId: number, markType: 1 | 2, actType: 1 | 2 = ActType.confirm): MarkInput => ({
    actor: { uid, power: 0 },
    hall: chat.context.hall,
    messageId,
    markType,
    actType,
  });
  const one = [
    of(ann, id, MarkType.like),
    of(ann, other, MarkType.like),
    of(ann, other, MarkType.like, ActType.cancel),
  ];
  const few = await chat.statements((tx) => changeMarks(tx, one));
  expect(few).toBeGreaterThan(5);
  const people = await chat.people(100);
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: people });
  const many = people.flatMap((uid) => [
    of(uid, id, MarkType.like),
    of(uid, other, MarkType.dislike),
    of(uid, other, MarkType.dislike, ActType.cancel),
  ]);
  expect(await chat.statements((tx) => changeMarks(tx, many))).toBe(few);
});

test("IM-6, IM-80: one that is refused fails no other of its batch, and later ones see what earlier ones did", async () => {
  const replies = await Promise.all([
    set(bob, "like"),
    set(stranger, "like"),
    set(bob, "dislike"),
    set(bob, "dislike"),
    set(cem, "like", 9_999_999),
    unset(bob, "dislike"),
    set(bob, "like"),
    set(cem, "dislike"),
  ]);
  expect(replies.map(({ status }) => status)).toEqual([200, 404, 200, 200, 404, 200, 200, 200]);
  expect(told().flat()).toEqual([
    [bob, 1, 1, 1],
    [bob, 1, 0, 2],
    [bob, 2, 1, 1],
    [bob, 2, 0, 2],
    [bob, 1, 1, 1],
    [cem, 2, 1, 1],
  ]);
  expect((await chat.must(ann, "GET", `/messages/${id}`)).message.messageMark).toEqual(shown(1, 0, 1, 0));
  expect(await rows()).toEqual([
    { uid: bob, message_id: id, type: MarkType.like },
    { uid: cem, message_id: id, type: MarkType.dislike },
  ]);
});
