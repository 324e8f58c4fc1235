import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let cem: number;
let dan: number;
let all: number[];

beforeEach(async () => {
  chat = await ChatFixture.open();
  all = await chat.people(4);
  [ann, bob, cem, dan] = all as [number, number, number, number];
});
afterEach(() => chat.close());

test("IM-50: a group may be made with a history that begins at joining", async () => {
  const { status, body } = await chat.ask(ann, "POST", "/rooms", { memberIds: [bob], history: "joined" });
  expect([status, body.history]).toEqual([201, "joined"]);
  expect(await chat.must(bob, "GET", `/rooms/${body.id}`)).toMatchObject({ history: "joined" });
  await chat.say(ann, body.id, "before");
  await chat.must(ann, "POST", `/rooms/${body.id}/members`, { memberIds: [cem] });
  await chat.say(ann, body.id, "after");
  const read = async (uid: number) => (await chat.must(uid, "GET", `/rooms/${body.id}/messages`)).items.length;
  // The first members read it from the first event on.
  expect([await read(ann), await read(bob), await read(cem)]).toEqual([2, 2, 1]);

  expect((await chat.must(ann, "POST", "/rooms", { history: "all" })).history).toBe("all");
  for (const history of ["none", "", null, 1]) {
    expect((await chat.ask(ann, "POST", "/rooms", { history })).body).toMatchObject({ code: "invalid" });
  }
});

test("IM-40: a group begins with one MEMBER_CHANGE in the room, then a copy for each member", async () => {
  const { status, body } = await chat.ask(ann, "POST", "/rooms", { name: "Plans", memberIds: [bob, cem, bob, ann] });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    type: 1,
    name: "Plans",
    avatar: "",
    memberCount: 3,
    notice: "",
    ownerId: ann,
    muteAll: false,
    history: "all",
    seq: 1,
    role: 1,
    userId: null,
    dissolvedAt: null,
  });
  const stream = roomStream(body.id);
  expect(chat.events(stream)).toMatchObject([
    { seq: 1, type: Push.MEMBER_CHANGE, data: { roomId: body.id, uid: ann, uids: [ann, bob, cem], changeType: 1 } },
  ]);
  const copies = [ann, bob, cem].flatMap((uid) => chat.eventsOf(uid));
  expect(copies.map(({ data }) => data)).toEqual(
    [ann, bob, cem].map((uid) => ({ roomId: body.id, uid, changeType: 1, seq: 1, joinedAt: chat.clock.now() })),
  );
  const room = chat.events(stream)[0];
  expect(copies.every(({ pos }) => pos > (room?.pos ?? Number.POSITIVE_INFINITY))).toBe(true);
});

test("IM-40: a group of one has one uid in its event, and no list", async () => {
  const { id, memberCount } = await chat.must(ann, "POST", "/rooms", {});
  expect(memberCount).toBe(1);
  expect(chat.events(roomStream(id))[0]?.data).toEqual({
    roomId: id,
    uid: ann,
    changeType: 1,
    joinedAt: chat.clock.now(),
  });
});

test("IM-42: without a name a group is called after its members, in whole names", async () => {
  expect((await chat.must(ann, "POST", "/rooms", { memberIds: [bob] })).name).toBe(`p${ann}, p${bob}`);
  const many = await chat.people(20);
  const { name } = await chat.must(ann, "POST", "/rooms", { memberIds: many });
  expect(name.length).toBeLessThanOrEqual(64);
  expect(name.split(", ").every((one: string) => /^p\d{5}$/.test(one))).toBe(true);
});

test("IM-42: members' names that fill the length of a room's name exactly stand in it whole; with one more character the last is left out", async () => {
  const rename = (uid: number, name: string) =>
    chat.scratch.raw("update users set name = ?, name_key = ? where uid = ?", name, name.toLowerCase(), uid);
  await rename(ann, "A".repeat(31));
  await rename(bob, "B".repeat(31));
  expect((await chat.must(ann, "POST", "/rooms", { memberIds: [bob] })).name).toBe(
    `${"A".repeat(31)}, ${"B".repeat(31)}`,
  );
  // Characters are counted, whatever they take.
  await rename(bob, "🙂".repeat(31));
  expect((await chat.must(ann, "POST", "/rooms", { memberIds: [bob] })).name).toBe(
    `${"A".repeat(31)}, ${"🙂".repeat(31)}`,
  );
  await rename(bob, "B".repeat(32));
  expect((await chat.must(ann, "POST", "/rooms", { memberIds: [bob] })).name).toBe("A".repeat(31));
  // Those who come after the first whose name does not fit are not named, however short their names are.
  expect((await chat.must(ann, "POST", "/rooms", { memberIds: [bob, cem] })).name).toBe("A".repeat(31));
});

test("IM-41: unknown people are named and nothing is made", async () => {
  const before = chat.scratch.events.length;
  const { status, body } = await chat.ask(ann, "POST", "/rooms", { memberIds: [bob, 99_999, 1] });
  expect({ status, code: body.code, userIds: body.userIds }).toEqual({
    status: 422,
    code: "unknown_user",
    userIds: [99_999, 1],
  });
  expect(chat.scratch.events.length).toBe(before);
});

test.each([
  ["an empty name", { name: "" }],
  ["a blank name", { name: " " }],
  ["a long name", { name: "x".repeat(65) }],
  ["a control character", { name: "a\u0000" }],
  ["an override of direction", { name: "a\u202eb" }],
  ["a name of blanks", { name: "\u2800\u3164" }],
  ["no uid", { memberIds: [0] }],
  ["a uid as text", { memberIds: ["1"] }],
  ["1 001 members", { memberIds: Array.from({ length: 1001 }, (_, index) => index + 1) }],
])("IM-42: refuses what is not a group: %s", async (_, body) => {
  expect((await chat.ask(ann, "POST", "/rooms", body)).body.code).toBe("invalid");
});

test("IM-42: refuses pictures that are not addresses", async () => {
  const id = await chat.group(ann);
  for (const avatar of [
    "https://",
    "javascript:alert(1)",
    "//a.example/a.png",
    "https://a.example/\u202e",
    'https://a/"',
  ]) {
    const { body } = await chat.ask(ann, "PATCH", `/rooms/${id}`, { avatar });
    expect([avatar, body.code]).toEqual([avatar, "invalid"]);
  }
  for (const avatar of ["https://a.example/a.png", "/uploads/a.png", ""]) {
    expect((await chat.must(ann, "PATCH", `/rooms/${id}`, { avatar })).avatar).toBe(avatar);
  }
});

test("IM-43: two people have one direct room, whoever asks and however often at once", async () => {
  const replies = await Promise.all(
    [ann, bob, ann, bob].map((uid) => chat.ask(uid, "POST", "/rooms/direct", { userId: uid === ann ? bob : ann })),
  );
  expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 201]);
  const ids = new Set(replies.map(({ body }) => body.id));
  expect(ids.size).toBe(1);
  expect(replies[0]?.body).toMatchObject({
    type: 2,
    name: `p${bob}`,
    userId: bob,
    memberCount: 2,
    ownerId: null,
    role: 3,
  });
  expect(replies[1]?.body).toMatchObject({ type: 2, name: `p${ann}`, userId: ann });
  const [id] = ids;
  expect(chat.events(roomStream(id))).toHaveLength(1);
  expect([ann, bob].map((uid) => chat.eventsOf(uid).map(({ data }) => data))).toEqual([
    [{ roomId: id, uid: ann, changeType: 1, seq: 1, joinedAt: chat.clock.now() }],
    [{ roomId: id, uid: bob, changeType: 1, seq: 1, joinedAt: chat.clock.now() }],
  ]);
});

test("IM-43: a direct room needs another, existing person", async () => {
  expect((await chat.ask(ann, "POST", "/rooms/direct", { userId: ann })).body.code).toBe("own_account");
  expect((await chat.ask(ann, "POST", "/rooms/direct", { userId: 99_999 })).body.code).toBe("unknown_user");
  expect((await chat.ask(ann, "POST", "/rooms/direct", { userId: 1 })).body.code).toBe("unknown_user");
});

test("IM-43: a direct room's people and settings are fixed", async () => {
  const { id } = await chat.must(ann, "POST", "/rooms/direct", { userId: bob });
  expect((await chat.ask(ann, "POST", `/rooms/${id}/members`, { memberIds: [cem] })).body.code).toBe("direct_fixed");
  expect((await chat.ask(ann, "DELETE", `/rooms/${id}/members/${ann}`)).body.code).toBe("direct_fixed");
  expect((await chat.ask(ann, "DELETE", `/rooms/${id}`)).body.code).toBe("direct_fixed");
  expect((await chat.ask(ann, "PATCH", `/rooms/${id}`, { name: "us" })).status).toBe(403);
  expect((await chat.ask(cem, "GET", `/rooms/${id}`)).status).toBe(404);
});

test("IM-44: a change is logged with the changed fields only, and nothing when nothing changes", async () => {
  const id = await chat.group(ann, [bob], "old");
  const change = { name: "new", notice: "hello\nall", muteAll: true, history: "all" };
  expect(await chat.must(ann, "PATCH", `/rooms/${id}`, change)).toMatchObject({ name: "new", muteAll: true, seq: 2 });
  expect(chat.events(roomStream(id)).at(-1)).toMatchObject({
    type: Push.ROOM,
    data: { roomId: id, name: "new", notice: "hello\nall", muteAll: true },
  });
  expect(chat.events(roomStream(id)).at(-1)?.data.history).toBeUndefined();
  expect((await chat.must(ann, "PATCH", `/rooms/${id}`, change)).seq).toBe(2);
  expect((await chat.must(ann, "PATCH", `/rooms/${id}`, { history: "joined", muteAll: false })).seq).toBe(3);
  expect(chat.events(roomStream(id)).at(-1)?.data).toEqual({ roomId: id, history: "joined", muteAll: false });
});

test("IM-44, IM-52: only the owner and admins change a room; strangers do not know it", async () => {
  const id = await chat.group(ann, [bob, cem]);
  expect((await chat.ask(bob, "PATCH", `/rooms/${id}`, { name: "mine" })).status).toBe(403);
  await chat.must(ann, "PUT", `/rooms/${id}/members/${bob}/role`, { role: 2 });
  expect((await chat.ask(bob, "PATCH", `/rooms/${id}`, { name: "mine" })).status).toBe(200);
  expect((await chat.ask(dan, "PATCH", `/rooms/${id}`, { name: "mine" })).status).toBe(404);
  expect((await chat.ask(undefined, "PATCH", `/rooms/${id}`, { name: "mine" })).status).toBe(401);
  expect((await chat.ask(undefined, "GET", `/rooms/${id}`)).status).toBe(401);
  expect((await chat.ask(ann, "PATCH", `/rooms/${id}`, { avatar: "javascript:alert(1)" })).status).toBe(400);
});

test("IM-45: after a dissolution members read what was, and nobody does anything", async () => {
  const id = await chat.group(ann, [bob, cem]);
  await chat.must(cem, "DELETE", `/rooms/${id}/members/${cem}`);
  const { message } = await chat.say(bob, id, "last words");
  expect((await chat.ask(bob, "DELETE", `/rooms/${id}`)).status).toBe(403);
  expect((await chat.ask(ann, "DELETE", `/rooms/${id}`)).status).toBe(204);
  expect(chat.events(roomStream(id)).at(-1)).toMatchObject({
    type: Push.ROOM,
    data: { roomId: id, dissolved: true, dissolvedAt: chat.clock.now() },
  });

  const send = { clientId: "late", type: 1, body: { content: "hello?" } };
  const refusals = await Promise.all([
    chat.ask(bob, "POST", `/rooms/${id}/messages`, send),
    chat.ask(ann, "DELETE", `/rooms/${id}`),
    chat.ask(ann, "PATCH", `/rooms/${id}`, { name: "back" }),
    chat.ask(ann, "POST", `/rooms/${id}/members`, { memberIds: [dan] }),
    chat.ask(bob, "DELETE", `/rooms/${id}/members/${bob}`),
  ]);
  expect(refusals.map(({ body }) => body.code)).toEqual(Array(5).fill("room_dissolved"));
  expect((await chat.ask(cem, "POST", `/rooms/${id}/messages`, send)).status).toBe(403);
  expect((await chat.ask(dan, "POST", `/rooms/${id}/messages`, send)).status).toBe(404);

  expect((await chat.must(bob, "GET", `/rooms/${id}`)).dissolvedAt).toBe(chat.clock.now());
  expect((await chat.must(bob, "GET", `/rooms/${id}/messages`)).items).toMatchObject([{ message: { id: message.id } }]);
  expect((await chat.must(bob, "GET", "/rooms")).items.map(({ id: room }: { id: number }) => room)).toEqual([1]);
});
