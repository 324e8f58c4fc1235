import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../../test/chat-fixture.ts";
import { location } from "../../../test/location-kind.ts";
import { messageDataOf } from "../message-rows.ts";
import { custom } from "./custom.ts";
import { MessageKinds, messageKinds } from "./kinds.ts";
import { recalled } from "./recalled.ts";
import { text } from "./text.ts";

const accepts = (type: number, body: unknown) =>
  messageKinds.sendSchema.safeParse({ clientId: "a", type, body }).success;
const ofCustom = (change: object) => ({ kind: "poll", text: "Tea or coffee?", data: [1], ...change });

/** JSON text of that many bytes. */
const data = (bytes: number) => "x".repeat(bytes - 2);

test.each<[string, number, unknown, boolean]>([
  ["a text of 1 character", 1, { content: "x" }, true],
  ["a text of 4096 characters of four bytes", 1, { content: "😀".repeat(4096) }, true],
  ["a text of 4097 characters", 1, { content: "x".repeat(4097) }, false],
  ["an empty text", 1, { content: "" }, false],
  ["a text without its content", 1, {}, false],
  ["a text with the body of another kind", 1, ofCustom({}), false],
  ["a recalled message", 2, {}, false],
  ["a recalled message with a text", 2, { content: "x" }, false],
  ["a notice of the system", 8, { content: "x" }, false],
  ["a type that there is not", 42, { content: "x" }, false],
])("IM-8: %s", (_, type, body, isAccepted) => {
  expect(accepts(type, body)).toBe(isAccepted);
});

test.each<[string, object, boolean]>([
  ["is taken as it is", {}, true],
  ["a text of 4096 characters of four bytes", { text: "😀".repeat(4096) }, true],
  ["a text of 4097 characters", { text: "x".repeat(4097) }, false],
  ["an empty text", { text: "" }, false],
  ["no text", { text: undefined }, false],
  ["half a character", { text: "\ud83d" }, false],
  ["data of 8192 bytes", { data: data(8192) }, true],
  ["data of 8193 bytes", { data: data(8193) }, false],
  ["data of 2730 characters of three bytes", { data: "語".repeat(2730) }, true],
  ["data of 2731 characters of three bytes", { data: "語".repeat(2731) }, false],
  ["data that is nested 4096 times", { data: JSON.parse(`${"[".repeat(4096)}${"]".repeat(4096)}`) }, true],
  ["null", { data: null }, true],
  ["no data", { data: undefined }, true],
  ["a number", { data: 0 }, true],
  ["a kind of 1 character", { kind: "a" }, true],
  ["a kind of 64 characters", { kind: "a".repeat(64) }, true],
  ["a kind of 65 characters", { kind: "a".repeat(65) }, false],
  ["every character that a kind may have", { kind: "az09_.-" }, true],
  ["an empty kind", { kind: "" }, false],
  ["a capital letter", { kind: "Poll" }, false],
  ["a space", { kind: "a b" }, false],
  ["a line break at the end", { kind: "poll\n" }, false],
  ["another letter", { kind: "ü" }, false],
])("IM-12: a message of the product's own: %s", (_, change, isAccepted) => {
  expect(accepts(100, ofCustom(change))).toBe(isAccepted);
});

test("a type stands for one kind", () => {
  expect(() => new MessageKinds([text, { ...custom, type: 1 }])).toThrow("the same type");
  expect(() => messageKinds.quote({ type: 42, stored: {}, uid: 1, recalledBy: null })).toThrow("type 42");
});

describe("a third kind is one file and an entry of the table", () => {
  const kinds = new MessageKinds([text, custom, recalled, location]);
  const body = { latitude: 47.5, longitude: 19, label: "the bridge" };
  const shown = { place: { latitude: 47.5, longitude: 19 }, name: "the bridge", atUidList: [], reply: null };
  let chat: ChatFixture;
  let ann: number;
  let ben: number;
  let room: number;
  beforeAll(async () => {
    chat = await ChatFixture.open({}, kinds);
    [ann, ben] = (await chat.people(2)) as [number, number];
    room = await chat.group(ann, [ben]);
  });
  afterAll(() => chat.close());

  let sends = 0;
  const send = (who: number, more: object = {}) =>
    chat.ask(who, "POST", `/rooms/${room}/messages`, { clientId: `l${sends++}`, type: 42, body, ...more });
  const pushed = () => chat.events(roomStream(room)).at(-1);
  /** As backfill builds it. */
  const readAgain = async (id: number) =>
    JSON.parse((await messageDataOf(chat.scratch.db, [id], kinds)).get(id)?.text as string);

  test("it is checked, sent, pushed, stored and shown", async () => {
    const { status, body: sent } = await send(ann, { mentions: [ben] });
    expect(status).toBe(201);
    expect(sent.message).toMatchObject({ type: 42, no: 1, body: { ...shown, atUidList: [ben] } });
    expect(pushed()).toMatchObject({ type: Push.MESSAGE, data: sent });
    expect(await readAgain(sent.message.id)).toEqual(sent);
    expect(await chat.must(ben, "GET", `/messages/${sent.message.id}`)).toEqual(sent);
    expect((await chat.must(ben, "GET", `/rooms/${room}/messages`)).items).toEqual([sent]);
    expect((await chat.must(ben, "GET", "/rooms")).items[0]).toMatchObject({ lastMessage: sent, unread: 1 });
    const bad = await send(ann, { body: { ...body, latitude: 91 } });
    expect({ status: bad.status, path: bad.body.errors[0].path }).toEqual({ status: 400, path: "body.latitude" });
  });

  test("the same client id is a repeat, with another body it is refused", async () => {
    const first = await send(ann, { clientId: "once" });
    expect(await send(ann, { clientId: "once" })).toEqual({ status: 200, body: first.body });
    const other = await send(ann, { clientId: "once", body: { ...body, longitude: 20 } });
    expect(other.body.code).toBe("client_id_reused");
  });

  test("it is quoted, quotes and is recalled", async () => {
    const { message } = (await send(ann)).body;
    const answer = await chat.say(ben, room, "See you there", { replyTo: message.id });
    expect(answer.message.body.reply).toMatchObject({ id: message.id, type: 42, body: "[the bridge]" });
    const back = (await send(ann, { replyTo: answer.message.id })).body;
    expect(back.message.body.reply).toMatchObject({ id: answer.message.id, type: 1, body: "See you there" });
    const gone = await chat.must(ann, "DELETE", `/messages/${message.id}`);
    expect(gone.message).toMatchObject({ type: 2, body: "The sender recalled this message" });
    expect((await readAgain(answer.message.id)).message.body.reply).toMatchObject({
      type: 2,
      body: "The sender recalled this message",
    });
    const rows = await chat.scratch.db.selectFrom("messages").select("body").where("id", "=", message.id).execute();
    expect(rows).toEqual([{ body: "{}" }]);
  });
});
