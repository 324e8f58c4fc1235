import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { messageDataOf, messageTexts } from "./message-rows.ts";

const SECRET = "the secret plan";
let chat: ChatFixture;
let ann: number;
let bob: number;
let boss: number;
let stranger: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob, boss, stranger] = (await chat.people(4)) as [number, number, number, number];
  room = await chat.group(ann, [bob]);
});
afterEach(() => chat.close());

const recall = (who: number | string, id: number) => chat.ask(who, "DELETE", `/messages/${id}`);
const everything = async () => {
  const tables = [
    await chat.scratch.db.selectFrom("messages").selectAll().execute(),
    await chat.scratch.db.selectFrom("events").selectAll().execute(),
  ];
  return JSON.stringify(tables);
};

test("IM-5, IM-20: a recall wipes the text everywhere and keeps the place", async () => {
  const sent = await chat.say(bob, room, SECRET, { clientId: "s" });
  const { status, body } = await recall(bob, sent.message.id);
  expect(status).toBe(200);
  expect(body).toEqual({
    ...sent,
    message: { ...sent.message, type: 2, body: "The sender recalled this message" },
  });
  expect(chat.events(roomStream(room)).at(-1)).toMatchObject({
    type: Push.RECALL,
    data: { msgId: sent.message.id, roomId: room, recallUid: bob },
  });
  expect(chat.scratch.events.at(-1)?.messageId).toBe(sent.message.id);
  expect(await everything()).not.toContain(SECRET);
  const texts = await messageTexts(chat.scratch.db, { ids: [sent.message.id, 424_242], reader: ann });
  expect([...texts].map(([id, text]) => [id, JSON.parse(text)])).toEqual([[sent.message.id, body]]);
  expect((await chat.must(ann, "GET", `/rooms/${room}/messages`)).items).toEqual([body]);
  expect((await chat.must(ann, "GET", "/rooms")).items[0].lastMessage).toEqual(body);

  // The sender's retry, late: still the first message, as it is now. Its text is no longer known, so a different text cannot be told apart.
  const retry = { clientId: "s", type: 1, body: { content: SECRET } };
  const again = await chat.ask(bob, "POST", `/rooms/${room}/messages`, retry);
  expect(again).toEqual({ status: 200, body });
  const other = await chat.ask(bob, "POST", `/rooms/${room}/messages`, { ...retry, body: { content: "else" } });
  expect(other).toEqual({ status: 200, body });
});

test("IM-20: of a recalled message that quoted another one its row says nothing more than who took it back, and when", async () => {
  const { message } = await chat.say(ann, room, "look");
  const reply = await chat.say(bob, room, SECRET, { replyTo: message.id, mentions: [ann], clientId: "r" });
  await recall(bob, reply.message.id);
  const row = await chat.scratch.db
    .selectFrom("messages")
    .selectAll()
    .where("id", "=", reply.message.id)
    .executeTakeFirst();
  expect(row).toEqual({
    ...{ id: reply.message.id, room_id: room, seq: reply.message.seq, no: 2, uid: bob, type: 2, body: "{}" },
    ...{
      reply_to: null,
      client_id: "r",
      key_id: null,
      key_client_id: null,
      request_hash: null,
      sent_at: chat.clock.now(),
      sender_only: 0,
    },
    ...{ recalled_by: bob, recalled_at: chat.clock.now(), likes: 0, dislikes: 0 },
  });
});

test("IM-21: quotations lose a recalled text too, without an event of their own", async () => {
  const { message } = await chat.say(bob, room, SECRET);
  const reply = await chat.say(ann, room, "really?", { replyTo: message.id });
  await chat.say(ann, room, "unrelated");
  const before = chat.scratch.events.length;
  await recall(bob, message.id);
  expect(chat.scratch.events.slice(before).map(({ type }) => type)).toEqual([Push.RECALL]);
  const now = await chat.must(bob, "GET", `/messages/${reply.message.id}`);
  expect(now.message.body).toMatchObject({
    content: "really?",
    reply: { id: message.id, type: 2, body: "The sender recalled this message" },
  });
  expect(await everything()).not.toContain(SECRET);
});

test("IM-21, IM-50: a recall shows newcomers nothing that was said before they joined", async () => {
  await chat.must(ann, "PATCH", `/rooms/${room}`, { history: "joined" });
  const { message } = await chat.say(ann, room, "quoted");
  await chat.say(ann, room, SECRET, { replyTo: message.id });
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [stranger] });
  const before = chat.scratch.events.length;
  await recall(ann, message.id);
  expect(JSON.stringify(chat.scratch.events.slice(before))).not.toContain(SECRET);
});

test("LOG-8, IM-21: what quotes is pushed and never remembered; other messages are", async () => {
  const { message } = await chat.say(bob, room, SECRET);
  await chat.say(ann, room, "really?", { replyTo: message.id });
  const [quoted, quoting] = chat.scratch.events.slice(-2);
  expect([quoted?.cacheable, quoting?.cacheable]).toEqual([true, false]);
  expect(quoting?.data).toContain(SECRET);
  const ids = [quoted?.pos as number, quoting?.pos as number];
  const built = await messageDataOf(chat.scratch.db, ids);
  expect(ids.map((id) => [built.get(id)?.author, built.get(id)?.quotes])).toEqual([
    [bob, []],
    [ann, [message.id]],
  ]);
});

test("IM-9, IM-50: people who may read a quotation may read what it quotes there", async () => {
  await chat.must(ann, "PATCH", `/rooms/${room}`, { history: "joined" });
  const { message } = await chat.say(ann, room, "from before");
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [stranger] });
  const reply = await chat.say(ann, room, "look", { replyTo: message.id });
  const seen = await chat.must(stranger, "GET", `/messages/${reply.message.id}`);
  expect(seen.message.body.reply.body).toBe("from before");
  expect((await chat.ask(stranger, "GET", `/messages/${message.id}`)).status).toBe(404);
});

test("IM-23: in a dissolved room nothing is recalled, not even by administrators", async () => {
  const { message } = await chat.say(bob, room, "stays");
  await chat.must(ann, "DELETE", `/rooms/${room}`);
  for (const who of [bob, `admin-${boss}`]) {
    const { status, body } = await recall(who, message.id);
    expect({ status, code: body.code }).toEqual({ status: 422, code: "room_dissolved" });
  }
  expect((await chat.must(ann, "GET", `/messages/${message.id}`)).message.body.content).toBe("stays");
});

test("IM-22: senders recall their own within two minutes, administrators any message at any time", async () => {
  const { message: mine } = await chat.say(bob, room, "one");
  const { message: old } = await chat.say(bob, room, "two");
  expect((await recall(ann, mine.id)).status).toBe(403);
  expect((await recall(stranger, mine.id)).status).toBe(404);
  expect((await recall(bob, 424_242)).status).toBe(404);
  chat.clock.advance(120_000);
  expect((await recall(bob, mine.id)).status).toBe(200);
  expect((await recall(bob, mine.id)).body.code).toBe("already_recalled");
  chat.clock.advance(1);
  expect((await recall(bob, old.id)).body.code).toBe("recall_too_late");
  const byBoss = await recall(`admin-${boss}`, old.id);
  expect(byBoss.body.message).toMatchObject({ type: 2, body: "An administrator recalled this message" });
  expect(chat.events(roomStream(room)).at(-1)?.data.recallUid).toBe(boss);
});

test("IM-22: two recalls at once are one", async () => {
  const { message } = await chat.say(bob, room, "one");
  const replies = await Promise.all([recall(bob, message.id), recall(bob, message.id)]);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 422]);
  expect(chat.events(roomStream(room)).filter(({ type }) => type === Push.RECALL)).toHaveLength(1);
});

test("IM-20, IM-71: a recall and unread numbers: the number stays", async () => {
  const { message } = await chat.say(bob, room, "one");
  await chat.say(bob, room, "two");
  await recall(bob, message.id);
  expect((await chat.must(ann, "GET", "/unread")).total).toBe(2);
  expect((await chat.say(bob, room, "three")).message.no).toBe(3);
});
