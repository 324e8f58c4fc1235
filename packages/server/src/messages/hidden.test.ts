/** What a ban does to the messages of its person, as everybody else reads them. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { messageDataOf } from "./message-rows.ts";
import { sendMessages } from "./send.ts";

const HIDDEN = "This message is hidden";

const chat = await ChatFixture.open();
afterAll(() => chat.close());

let ann: number;
let bob: number;
let room: number;
beforeEach(async () => {
  [ann, bob] = (await chat.people(2)) as [number, number];
  room = await chat.group(ann, [bob]);
});

const ban = (uid: number) =>
  chat.statements((tx) =>
    tx.db.insertInto("bans").values({ uid, reason: "", created_at: 1, created_by: 1, until: null }).execute(),
  );
const unban = (uid: number) => chat.statements((tx) => tx.db.deleteFrom("bans").where("uid", "=", uid).execute());
const history = async (query = "") => (await chat.must(ann, "GET", `/rooms/${room}/messages${query}`)).items;

test("BAN-3: while somebody is banned their messages show that they are hidden, and then they are there again", async () => {
  const said = await chat.say(bob, room, "SECRET");
  const answer = await chat.say(ann, room, "an answer", { replyTo: said.message.id });
  const before = await history();
  await ban(bob);
  const [hidden, quoting] = await history();
  expect(hidden).toEqual({ ...said, message: { ...said.message, type: 2, body: HIDDEN } });
  expect(quoting.message.body).toEqual({
    ...answer.message.body,
    reply: { ...answer.message.body.reply, type: 2, body: HIDDEN },
  });
  expect(await chat.must(ann, "GET", `/messages/${said.message.id}`)).toMatchObject(hidden);
  expect((await history(`?around=${said.message.id}&limit=1`))[0]).toEqual(hidden);
  expect((await history("?after=0&limit=1"))[0]).toEqual(hidden);
  await unban(bob);
  expect(await history()).toEqual(before);
});

test("BAN-3: nor does the list of rooms show them, nor a new message that quotes them", async () => {
  const said = await chat.say(bob, room, "SECRET");
  await ban(bob);
  const [line] = (await chat.must(ann, "GET", "/rooms?limit=1")).items;
  expect(line).toMatchObject({ id: room, lastMessage: { message: { id: said.message.id, type: 2, body: HIDDEN } } });
  const answer = await chat.say(ann, room, "well", { replyTo: said.message.id });
  expect(answer.message.body.reply).toMatchObject({ id: said.message.id, type: 2, body: HIDDEN, uid: bob });
  const live = chat.scratch.events.at(-1);
  expect(live?.data).not.toContain("SECRET");
  const built = await messageDataOf(chat.scratch.db, [said.message.id, answer.message.id]);
  expect(JSON.stringify([...built])).not.toContain("SECRET");
  expect([said, answer].map(({ message }) => built.get(message.id))).toMatchObject([
    { author: bob, quotes: [], quotedAuthors: [] },
    { author: ann, quotes: [said.message.id], quotedAuthors: [bob] },
  ]);
  await unban(bob);
  expect((await history()).at(-1).message.body.reply).toMatchObject({ type: 1, body: "SECRET" });
});

test("BAN-3: a message that was recalled shows that, and not that it is hidden", async () => {
  const { message } = await chat.say(bob, room, "SECRET");
  const answer = await chat.say(ann, room, "well", { replyTo: message.id });
  await chat.must(bob, "DELETE", `/messages/${message.id}`);
  const before = await history();
  await ban(bob);
  expect(await history()).toEqual(before);
  expect(before[0].message.body).toBe("The sender recalled this message");
  expect(answer.message.body.reply.id).toBe(message.id);
});

test("BAN-3: a hidden message can be recalled, by an administrator", async () => {
  const { message } = await chat.say(bob, room, "SECRET");
  await ban(bob);
  const recalled = await chat.must(`admin-${ann}`, "DELETE", `/messages/${message.id}`);
  expect(recalled.message.body).toBe("An administrator recalled this message");
  await unban(bob);
  expect((await history())[0].message.body).toBe("An administrator recalled this message");
});

test("BAN-4: numbers, unread counts, pages and members stay as they are", async () => {
  for (const content of ["one", "two", "three"]) await chat.say(bob, room, content);
  const look = async () => ({
    unread: await chat.must(ann, "GET", "/unread"),
    pages: (await chat.pages(ann, `/rooms/${room}/messages?limit=2`)).map((page) => page.length),
    numbers: (await history()).map(({ message: { seq, no, clientId } }: { message: Record<string, unknown> }) => [
      seq,
      no,
      clientId,
    ]),
    members: (await chat.must(ann, "GET", `/rooms/${room}/members`)).items,
    room: (await chat.must(ann, "GET", `/rooms/${room}`)).memberCount,
  });
  const before = await look();
  expect(before.unread.rooms).toContainEqual({ roomId: room, unread: 3 });
  await ban(bob);
  expect(await look()).toEqual(before);
  await unban(bob);
  expect(await look()).toEqual(before);
});

test("BAN-4: a ban changes one row, however much its person has written", async () => {
  const admin = (await chat.people(1))[0] as number;
  await chat.say(bob, room, "one");
  const rows = () => chat.scratch.db.selectFrom("messages").selectAll().where("uid", "=", bob).execute();
  for (let n = 0; n < 20; n++) await chat.say(bob, room, `${n}`);
  const before = await rows();
  await chat.must(`admin-${admin}`, "PUT", `/admin/bans/users/${bob}`);
  expect(await rows()).toEqual(before);
  await chat.must(`admin-${admin}`, "DELETE", `/admin/bans/users/${bob}`);
});

test("BAN-6: a send that waits while its sender is banned is refused, and the others of its batch are not", async () => {
  await ban(bob);
  const send = (uid: number) => ({
    actor: { uid, power: 0 as const },
    roomId: room,
    clientId: `late-${uid}`,
    type: 1,
    stored: { content: "late" },
    replyTo: null,
    mentions: [],
    visibleTo: "room" as const,
  });
  const outcomes: unknown[] = [];
  await chat.statements(async (tx) => outcomes.push(...(await sendMessages(tx, [send(bob), send(ann)]))));
  expect(outcomes).toMatchObject([{ ok: false, error: { code: "banned" } }, { ok: true }]);
  await unban(bob);
});
