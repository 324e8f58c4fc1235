import { afterEach, beforeEach, expect, test } from "bun:test";
import { messageSchema, Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { StillTime } from "../../test/still-time.ts";
import { sendMessages } from "./send.ts";
import type { SendInput } from "./send-lookups.ts";

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

const text = (clientId: string, content = clientId, more = {}) => ({ clientId, type: 1, body: { content }, ...more });
const post = (who: number, body: unknown, to = room) => chat.ask(who, "POST", `/rooms/${to}/messages`, body);
const pushed = (id = room) => chat.events(roomStream(id)).filter(({ type }) => type === Push.MESSAGE);
const rows = () => chat.scratch.db.selectFrom("messages").selectAll().orderBy("id").execute();

test("IM-3: the reply, the push and the history show one message object", async () => {
  const { status, body } = await post(ann, text("a-1", "hello"));
  expect(status).toBe(201);
  expect(messageSchema.strict().parse(body)).toEqual({
    fromUser: { uid: ann },
    message: {
      id: chat.scratch.events.at(-1)?.pos as number,
      roomId: room,
      sendTime: chat.clock.now(),
      type: 1,
      body: { content: "hello", urlContentMap: {}, atUidList: [], reply: null },
      messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
      seq: 2,
      no: 1,
      clientId: "a-1",
    },
  });
  expect(pushed()).toMatchObject([{ seq: 2, pos: body.message.id, data: body }]);
  expect(chat.scratch.events.at(-1)?.author).toBe(ann);
  expect(await chat.must(bob, "GET", `/messages/${body.message.id}`)).toEqual(body);
  expect((await chat.must(bob, "GET", `/rooms/${room}/messages`)).items).toEqual([body]);
  const [event] = await chat.scratch.db
    .selectFrom("events")
    .select(["data", "message_id"])
    .where("pos", "=", body.message.id)
    .execute();
  expect(event).toEqual({ data: null, message_id: body.message.id });
});

test("IM-4: concurrent sends into several rooms: no gap in seq or no, ids in the order of seq", async () => {
  const other = await chat.group(bob, [ann]);
  const sends = Array.from({ length: 400 }, (_, n) => ({
    who: n % 4 < 2 ? bob : ann,
    to: n % 2 ? room : other,
    clientId: `m${n}`,
  }));
  const replies = await Promise.all(sends.map(({ who, to, clientId }) => post(who, text(clientId), to)));
  expect(replies.every(({ status }) => status === 201)).toBe(true);
  for (const id of [room, other]) {
    const events = pushed(id);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, n) => n + 2));
    expect(events.map(({ data }) => data.message.no)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    expect(events.map(({ data }) => data.message.id)).toEqual(events.map(({ pos }) => pos));
    expect(events.map(({ pos }) => pos)).toEqual(events.map(({ pos }) => pos).sort((a, b) => a - b));
    const stored = await chat.scratch.db.selectFrom("rooms").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
    expect({ no: stored.no, last: stored.last_message_id }).toEqual({ no: 200, last: events.at(-1)?.pos as number });
  }
  const told = new Set(replies.map(({ body }) => body.message.id));
  expect(told.size).toBe(400);
});

test("IM-5: the same client id, many times at once and later, is one message", async () => {
  const replies = await Promise.all(Array.from({ length: 20 }, () => post(ann, text("once"))));
  expect(replies.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201]);
  const again = await post(ann, text("once"));
  expect(again.status).toBe(200);
  expect(new Set([...replies, again].map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(pushed()).toHaveLength(1);
  expect(await rows()).toHaveLength(1);
  expect((await post(bob, text("once"))).status).toBe(201);
});

test("IM-5: a client id with another request is refused, in one batch or later", async () => {
  const together = await Promise.all([post(ann, text("x", "one")), post(ann, text("x", "two"))]);
  expect(together.map(({ status }) => status)).toEqual([201, 409]);
  expect(together[1]?.body.code).toBe("client_id_reused");
  const other = await chat.group(ann);
  for (const reply of [
    await post(ann, text("x", "two")),
    await post(ann, text("x", "one"), other),
    await post(ann, text("x", "one", { mentions: [bob] })),
    await post(ann, text("x", "one", { replyTo: together[0]?.body.message.id })),
  ]) {
    expect({ status: reply.status, code: reply.body.code }).toEqual({ status: 409, code: "client_id_reused" });
  }
  expect(await rows()).toHaveLength(1);
});

test("IM-5, IM-6, IM-7: bad sends of a batch fail alone", async () => {
  const muted = await chat.group(ann, [bob]);
  await chat.must(ann, "PATCH", `/rooms/${muted}`, { muteAll: true });
  const gone = await chat.group(ann, [bob]);
  await chat.must(ann, "DELETE", `/rooms/${gone}`);
  const batches = chat.scratch.events.length;
  const replies = await Promise.all([
    post(ann, text("1")),
    post(stranger, text("2")),
    post(bob, text("3"), muted),
    post(ann, text("4"), muted),
    post(bob, text("5"), gone),
    post(bob, text("6"), 424_242),
    post(bob, text("7", "hi", { replyTo: 424_242 })),
    post(bob, text("8", "hi", { mentions: [stranger] })),
    post(bob, text("9")),
  ]);
  expect(replies.map(({ status, body }) => (status === 201 ? body.message.no : body.code))).toEqual([
    1,
    "not_found",
    "forbidden",
    1,
    "room_dissolved",
    "not_found",
    "reply_unknown",
    "unknown_user",
    2,
  ]);
  expect(chat.scratch.events.length - batches).toBe(3);
  // A client id of a refused send is free.
  expect((await post(bob, text("8", "better"))).status).toBe(201);
});

test("IM-9: a reply quotes by reference, with the name and how far back it is", async () => {
  const { message: first } = await chat.say(bob, room, "question");
  const reply = await chat.say(ann, room, "answer", { replyTo: first.id, mentions: [bob, bob, cem] });
  expect(reply.message.body).toEqual({
    content: "answer",
    urlContentMap: {},
    atUidList: [bob, cem],
    reply: { id: first.id, uid: bob, username: `p${bob}`, type: 1, body: "question", canCallback: 1, gapCount: 1 },
  });
  expect(pushed().at(-1)?.data).toEqual(reply);
  expect(await chat.must(cem, "GET", `/messages/${reply.message.id}`)).toEqual(reply);
  expect((await rows()).at(-1)?.body).not.toContain("question");

  for (let n = 0; n < 98; n++) await chat.say(cem, room, "noise");
  const near = await chat.say(ann, room, "still there?", { replyTo: first.id });
  expect(near.message.body.reply).toMatchObject({ canCallback: 1, gapCount: 100 });
  const far = await chat.say(ann, room, "gone?", { replyTo: first.id });
  expect(far.message.body.reply).toMatchObject({ canCallback: 0, gapCount: 101 });
});

test("IM-9: a quotation shows the beginning of a long text, in code points", async () => {
  const whole = await chat.say(ann, room, "👍".repeat(1024));
  const long = await chat.say(ann, room, "👍".repeat(1025));
  const quoting = async (id: number) => (await chat.say(bob, room, "yes", { replyTo: id })).message.body.reply.body;
  expect(await quoting(whole.message.id)).toBe("👍".repeat(1024));
  expect(await quoting(long.message.id)).toBe(`${"👍".repeat(1023)}…`);
});

test("IM-9: people can quote only what they may read in this room", async () => {
  const other = await chat.group(ann, [bob]);
  const { message: elsewhere } = await chat.say(ann, other, "elsewhere");
  await chat.must(ann, "PATCH", `/rooms/${room}`, { history: "joined" });
  const { message: early } = await chat.say(ann, room, "early");
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [stranger] });
  expect((await post(bob, text("1", "hm", { replyTo: elsewhere.id }))).body.code).toBe("reply_unknown");
  expect((await post(stranger, text("2", "hm", { replyTo: early.id }))).body.code).toBe("reply_unknown");
  expect((await post(bob, text("3", "hm", { replyTo: early.id }))).status).toBe(201);
});

test("IM-9: a message that makes no dot, such as a notice of the system, cannot be quoted", async () => {
  const { message } = await chat.say(ann, room, "early");
  await chat.statements((tx) => tx.db.updateTable("messages").set({ no: null }).where("id", "=", message.id).execute());
  expect((await post(bob, text("1", "hm", { replyTo: message.id }))).body.code).toBe("reply_unknown");
});

test("IM-10: mentions are people of the room; of the hall, anybody who is still there", async () => {
  const hall = await post(ann, text("1", "hey", { mentions: [stranger] }), 1);
  expect(hall.body.message.body.atUidList).toEqual([stranger]);
  expect((await post(ann, text("2", "hey", { mentions: [99_999] }), 1)).body.code).toBe("unknown_user");
  expect((await post(ann, text("3", "hey", { mentions: [1] }), 1)).body.code).toBe("unknown_user");
  expect((await post(ann, text("4", "hey", { mentions: [0] }), 1)).body.code).toBe("invalid");
  await chat.must(ann, "DELETE", `/rooms/${room}/members/${cem}`);
  const left = await post(ann, text("5", "hey", { mentions: [bob, cem] }));
  expect({ code: left.body.code, userIds: left.body.userIds }).toEqual({ code: "unknown_user", userIds: [cem] });
  await chat.scratch.raw("update users set deleted_at = 1 where uid = ?", stranger);
  const gone = await post(ann, text("6", "hey", { mentions: [bob, stranger] }), 1);
  expect({ code: gone.body.code, userIds: gone.body.userIds }).toEqual({ code: "unknown_user", userIds: [stranger] });
});

test.each([
  ["no client id", { type: 1, body: { content: "x" } }],
  ["a control character in the client id", text("a\nb", "x")],
  ["a long client id", text("x".repeat(65))],
  ["no text", text("a", "")],
  ["too much text", text("a", "😀".repeat(4097))],
  ["half a character", text("a", "\ud83d")],
  ["another type", { ...text("a"), type: 8 }],
])("IM-8: refuses a message with %s", async (_, body) => {
  const { status, body: problem } = await post(ann, body);
  expect({ status, code: problem.code }).toEqual({ status: 400, code: "invalid" });
});

test("IM-8: the longest text comes back as it was", async () => {
  const content = `${"😀".repeat(4094)}\n"`;
  expect((await chat.say(ann, room, content)).message.body.content).toBe(content);
  expect(pushed().at(-1)?.data.message.body.content).toBe(content);
});

test("IM-11: a user sends 30 at once and then 10 a second; others are not held back", async () => {
  using time = new StillTime();
  await chat.close();
  chat = await ChatFixture.open({ RATE_LIMITS: "on" });
  [ann, bob] = (await chat.people(2)) as [number, number];
  const flood = async (who: number, prefix: string) =>
    (await Promise.all(Array.from({ length: 40 }, (_, n) => post(who, text(`${prefix}${n}`), 1)))).map((r) => r.status);
  expect((await flood(ann, "a")).filter((status) => status === 429)).toHaveLength(10);
  expect((await flood(bob, "b")).filter((status) => status === 201)).toHaveLength(30);
  time.advance(1000);
  expect((await flood(ann, "c")).filter((status) => status === 201)).toHaveLength(10);
}, 30_000);

test("IM-11: a long message counts as one for each 4 KiB that it begins", async () => {
  using _ = new StillTime();
  await chat.close();
  chat = await ChatFixture.open({ RATE_LIMITS: "on" });
  [ann, bob] = (await chat.people(2)) as [number, number];
  const accepted = async (who: number, content: string) => {
    const replies = await Promise.all(Array.from({ length: 40 }, (_, n) => post(who, text(`${n}`, content), 1)));
    return replies.filter(({ status }) => status === 201).length;
  };
  // 16 16 KiB and the JSON around the text count as five. The other one has exactly 4 KiB.
  expect(await accepted(ann, "😀".repeat(4096))).toBe(6);
  expect(await accepted(bob, "x".repeat(4096 - JSON.stringify({ content: "" }).length))).toBe(30);
}, 30_000);

test("256 sends by 64 people into 64 rooms take as many statements as two", async () => {
  const people = await chat.people(64);
  const rooms: number[] = [];
  for (const uid of people) rooms.push(await chat.group(uid, [ann]));
  const { message: quoted } = await chat.say(ann, rooms[0] as number, "quote me");
  let sent = 0;
  const inputs = (count: number): SendInput[] =>
    Array.from({ length: count }, (_, n) => ({
      actor: { uid: people[n % 64] as number, power: 0 },
      roomId: rooms[n % 64] as number,
      clientId: `s${sent++}`,
      type: 1,
      stored: { content: "x" },
      replyTo: n === 0 ? quoted.id : null,
      mentions: [ann],
      visibleTo: "room",
    }));
  const few = await chat.statements((tx) => sendMessages(tx, inputs(2)));
  expect(few).toBeGreaterThan(5);
  expect(await chat.statements((tx) => sendMessages(tx, inputs(256)))).toBe(few);
  expect(await rows()).toHaveLength(259);
}, 30_000);
