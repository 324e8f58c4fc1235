import { afterEach, beforeEach, expect, test } from "bun:test";
import { messageSchema, Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

let chat: ChatFixture;
let ann: number;
let ben: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open({ CUSTOM_KINDS: "poll,order.paid" });
  [ann, ben] = (await chat.people(2)) as [number, number];
  room = await chat.group(ann, [ben]);
});
afterEach(() => chat.close());

const BODY = { kind: "poll", text: "Tea or coffee?", data: { options: ["tea", { coffee: null }], closes: 1.5 } };
let sends = 0;
const send = (who: number, body: object = BODY, more: object = {}) =>
  chat.ask(who, "POST", `/rooms/${room}/messages`, { clientId: `p${sends++}`, type: 100, body, ...more });

test("IM-3, IM-12: a message of the product's own makes a dot and is shown alike everywhere", async () => {
  const { status, body } = await send(ann, BODY, { mentions: [ben] });
  expect(status).toBe(201);
  expect(messageSchema.strict().parse(body)).toEqual(body);
  expect(body.message).toMatchObject({ type: 100, no: 1, body: { ...BODY, atUidList: [ben], reply: null } });
  expect(chat.events(roomStream(room)).at(-1)).toMatchObject({ type: Push.MESSAGE, data: body });
  expect(await chat.must(ben, "GET", `/messages/${body.message.id}`)).toEqual(body);
  expect((await chat.must(ben, "GET", `/rooms/${room}/messages`)).items).toEqual([body]);
  expect((await chat.must(ben, "GET", "/rooms")).items[0]).toMatchObject({ lastMessage: body, unread: 1 });
  expect(await send(ann, BODY, { clientId: body.message.clientId, mentions: [ben] })).toEqual({ status: 200, body });
  const other = await send(ann, { ...BODY, data: 1 }, { clientId: body.message.clientId, mentions: [ben] });
  expect(other.body.code).toBe("client_id_reused");
});

test.each([
  [null],
  [undefined],
  [0],
  [false],
  ["語"],
  [[]],
  [{ __proto__: null, text: "mine" }],
  [{ mentions: [1], gap: 9 }],
])("IM-12: data comes back as it was: %j", async (data) => {
  const { body } = await send(ann, { ...BODY, data });
  expect(body.message.body).toEqual({ ...BODY, data: data ?? null, atUidList: [], reply: null });
  expect(await chat.must(ben, "GET", `/messages/${body.message.id}`)).toEqual(body);
});

test("IM-12: numbers come back in double precision, and of a field that stands twice the last one", async () => {
  const data = '{"a":9007199254740993,"b":1e999,"c":1,"c":2}';
  const request = `{"clientId":"raw","type":100,"body":{"kind":"poll","text":"?","data":${data}}}`;
  const { body } = await chat.ask(ann, "POST", `/rooms/${room}/messages`, request);
  expect(body.message.body.data).toEqual({ a: 2 ** 53, b: null, c: 2 });
});

test("IM-12, IM-9, IM-21: a quotation shows its text, and the notice once it is recalled", async () => {
  const { message } = (await send(ann)).body;
  const answer = await chat.say(ben, room, "tea", { replyTo: message.id });
  expect(answer.message.body.reply).toMatchObject({ type: 100, body: "Tea or coffee?", gapCount: 1 });
  const back = (await send(ann, BODY, { replyTo: answer.message.id })).body;
  expect(back.message.body.reply).toMatchObject({ type: 1, body: "tea" });
  await chat.must(ann, "DELETE", `/messages/${message.id}`);
  const now = await chat.must(ben, "GET", `/messages/${answer.message.id}`);
  expect(now.message.body.reply).toMatchObject({ type: 2, body: "The sender recalled this message" });
  const [row] = await chat.scratch.db.selectFrom("messages").select("body").where("id", "=", message.id).execute();
  expect(row?.body).not.toContain("tea");
});

test("IM-13: people send only the kinds that the operator names", async () => {
  const before = chat.scratch.events.length;
  for (const kind of ["order", "order.paid.", "other"]) {
    const { status, body } = await send(ann, { ...BODY, kind });
    expect({ kind, status, code: body.code }).toEqual({ kind, status: 403, code: "kind_not_allowed" });
  }
  expect(chat.scratch.events.length).toBe(before);
  expect((await send(ann, { ...BODY, kind: "order.paid" })).status).toBe(201);
});

test("IM-13: without a setting people send none", async () => {
  await chat.close();
  chat = await ChatFixture.open();
  [ann] = (await chat.people(1)) as [number];
  room = await chat.group(ann);
  expect((await send(ann)).body.code).toBe("kind_not_allowed");
  expect((await chat.say(ann, room, "a text")).message.no).toBe(1);
});

test.each([
  [undefined, "is required"],
  [2, "must be the number 1 or 100"],
  ["1", "must be the number 1 or 100"],
  [null, "must be the number 1 or 100"],
])("HTTP-2, IM-12: a message of type %p is refused in words that say what is wanted", async (type, message) => {
  const request = { clientId: "t", body: { content: "x" }, ...(type === undefined ? {} : { type }) };
  const { status, body } = await chat.ask(ann, "POST", `/rooms/${room}/messages`, request);
  expect([status, body.errors]).toEqual([400, [{ path: "type", message }]]);
});
