import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";

/** With DIRECT=friends. */
let chat: ChatFixture;
let ann: number;
let ben: number;
let cem: number;

beforeEach(async () => {
  chat = await ChatFixture.open({ DIRECT: "friends" });
  [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
});
afterEach(() => chat.close());

async function befriend(a: number, b: number): Promise<void> {
  const { id } = await chat.must(a, "POST", "/friend-requests", { userId: b });
  await chat.must(b, "POST", `/friend-requests/${id}/accept`);
}
const open = (who: number, userId: number) => chat.ask(who, "POST", "/rooms/direct", { userId });
let said = 0;
const say = (who: number, room: number) =>
  chat.ask(who, "POST", `/rooms/${room}/messages`, { clientId: `s${said++}`, type: 1, body: { content: "hello" } });

test("FRD-30: a direct room opens between friends only, and acceptance has opened it already", async () => {
  expect((await open(ann, ben)).body).toMatchObject({ code: "not_friends", userIds: [ben] });
  await befriend(ann, ben);
  const { status, body } = await open(ann, ben);
  expect(status).toBe(200);
  expect((await say(ben, body.id)).status).toBe(201);
});

test("FRD-30: the end of a friendship closes the room, and a new one opens it again", async () => {
  await befriend(ann, ben);
  const { id } = (await open(ann, ben)).body;
  await say(ann, id);
  await chat.must(ben, "DELETE", `/friends/${ann}`);
  for (const who of [ann, ben]) {
    const other = who === ann ? ben : ann;
    expect((await say(who, id)).body).toMatchObject({ code: "not_friends", userIds: [other] });
    expect((await open(who, other)).body.code).toBe("not_friends");
  }
  // What was said can be read.
  expect((await chat.must(ann, "GET", `/rooms/${id}/messages`)).items).toHaveLength(1);
  await befriend(ben, ann);
  expect((await say(ann, id)).status).toBe(201);
});

test("FRD-30: friends only are brought into groups; in the group nobody need be a friend", async () => {
  await befriend(ann, ben);
  await befriend(ben, cem);
  expect((await chat.ask(ann, "POST", "/rooms", { memberIds: [ben, cem] })).body).toMatchObject({
    code: "not_friends",
    userIds: [cem],
  });
  const { id } = await chat.must(ann, "POST", "/rooms", { memberIds: [ann, ben] });
  expect((await chat.ask(ann, "POST", `/rooms/${id}/members`, { memberIds: [cem, ben] })).body).toMatchObject({
    code: "not_friends",
    userIds: [cem],
  });
  expect(await chat.must(ben, "POST", `/rooms/${id}/members`, { memberIds: [cem, ann] })).toMatchObject({
    added: [cem],
  });
  expect((await say(cem, id)).status).toBe(201);
});

test("FRD-30: a person who is not a friend fails nobody else in the same batch, and unknown people are named first", async () => {
  await befriend(ann, ben);
  await befriend(ann, cem);
  const [withBen, withCem] = [(await open(ann, ben)).body.id, (await open(ann, cem)).body.id];
  await chat.must(ann, "DELETE", `/friends/${cem}`);
  const group = await chat.group(ann, [ben]);
  const replies = await Promise.all([say(ann, withBen), say(ann, withCem), say(ann, group), say(cem, withCem)]);
  expect(replies.map(({ status }) => status)).toEqual([201, 422, 201, 422]);
  expect((await open(ann, 999_999)).body.code).toBe("unknown_user");
  expect((await open(ann, ann)).body.code).toBe("own_account");
});

test("FRD-30: a friend who has blocked the sender is written to like any other", async () => {
  await befriend(ann, ben);
  const { id } = (await open(ann, ben)).body;
  await chat.must(ann, "PUT", `/blocks/${ben}`);
  expect((await say(ben, id)).status).toBe(201);
  expect((await open(ben, ann)).status).toBe(200);
  expect((await say(ann, id)).body.code).toBe("person_blocked");
});
