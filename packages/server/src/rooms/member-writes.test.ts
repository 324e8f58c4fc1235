import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { deleteAccount } from "../identity/accounts-writes.ts";
import { addMembers } from "./member-writes.ts";

let chat: ChatFixture;
let owner: number;
let admin: number;
let bob: number;
let cem: number;
let stranger: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [owner, admin, bob, cem, stranger] = (await chat.people(5)) as [number, number, number, number, number];
  room = await chat.group(owner, [admin, bob, cem]);
  await chat.must(owner, "PUT", `/rooms/${room}/members/${admin}/role`, { role: 2 });
});
afterEach(() => chat.close());

const remove = (who: number, uid: number) => chat.ask(who, "DELETE", `/rooms/${room}/members/${uid}`);
const membersOf = async (who: number) =>
  (await chat.must(who, "GET", `/rooms/${room}/members`)).items.map(({ uid }: { uid: number }) => uid);

test("IM-46: an admin who has left and is brought back is an ordinary member", async () => {
  await remove(admin, admin);
  chat.clock.advance(1);
  await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [admin] });
  expect(await chat.must(admin, "GET", `/rooms/${room}`)).toMatchObject({ role: 3 });
  const { items } = await chat.must(bob, "GET", `/rooms/${room}/members`);
  const back = items.find(({ uid }: { uid: number }) => uid === admin);
  expect(back).toMatchObject({ role: 3, joinedAt: chat.clock.now() });
  expect((await remove(admin, cem)).status).toBe(403);
});

test("IM-40, IM-46: any member brings people in; those who are in are skipped", async () => {
  const [dan, eve] = (await chat.people(2)) as [number, number];
  const reply = await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [cem, dan, eve, dan] });
  expect(reply).toEqual({ roomId: room, added: [dan, eve], memberCount: 6 });
  const event = chat.events(roomStream(room)).at(-1);
  const joinedAt = chat.clock.now();
  expect(event?.data).toEqual({ roomId: room, uid: dan, uids: [dan, eve], changeType: 1, joinedAt });
  expect(chat.eventsOf(eve).map(({ data }) => data)).toEqual([
    { roomId: room, uid: eve, changeType: 1, seq: event?.seq, joinedAt },
  ]);
  expect(chat.eventsOf(cem)).toHaveLength(1);
  const again = await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [dan] });
  expect(again).toEqual({ roomId: room, added: [], memberCount: 6 });
  expect(chat.events(roomStream(room)).at(-1)?.seq).toBe(event?.seq as number);
});

test("IM-41, IM-52: a request with unknown people is refused as a whole, and people who were never here bring nobody in", async () => {
  const unknown = await chat.ask(bob, "POST", `/rooms/${room}/members`, { memberIds: [stranger, 77_777] });
  expect({ code: unknown.body.code, userIds: unknown.body.userIds }).toEqual({
    code: "unknown_user",
    userIds: [77_777],
  });
  expect(await membersOf(bob)).not.toContain(stranger);
  expect((await chat.ask(stranger, "POST", `/rooms/${room}/members`, { memberIds: [stranger] })).status).toBe(404);
  expect((await chat.ask(stranger, "GET", `/rooms/${room}/members`)).status).toBe(404);
});

test("IM-46: 1 000 join at once, by as many statements as one", async () => {
  const one = await chat.people(1);
  const thousand = await chat.people(1000);
  const add = (memberIds: number[]) =>
    chat.statements((tx) => addMembers(tx, { actor: { uid: owner, power: 0 }, roomId: room, memberIds }));
  const few = await add(one);
  expect(few).toBeGreaterThan(5);
  expect(await add(thousand)).toBe(few);
  const view = await chat.must(owner, "GET", `/rooms/${room}`);
  expect(view.memberCount).toBe(1005);
  const last = thousand.at(-1) as number;
  expect((await chat.must(last, "GET", `/rooms/${room}`)).role).toBe(3);
  await chat.say(last, room, "so many of us");
  expect((await chat.must(thousand[500] as number, "GET", "/unread")).total).toBe(1);
});

test("IM-46: a room takes 10 000 people and not one more", async () => {
  for (let added = 4; added < 10_000; added += 1000) {
    const memberIds = await chat.people(Math.min(1000, 10_000 - added));
    await chat.must(owner, "POST", `/rooms/${room}/members`, { memberIds });
  }
  expect((await chat.must(owner, "GET", `/rooms/${room}`)).memberCount).toBe(10_000);
  const refused = await chat.ask(owner, "POST", `/rooms/${room}/members`, { memberIds: [stranger] });
  expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 422, code: "room_full" });
}, 30_000);

test("IM-47: owners and admins may remove members, by their roles", async () => {
  expect((await remove(bob, cem)).status).toBe(403);
  expect((await remove(admin, owner)).status).toBe(403);
  expect((await remove(owner, owner)).body.code).toBe("owner_cannot_leave");
  expect((await remove(owner, stranger)).status).toBe(404);
  expect((await remove(stranger, bob)).status).toBe(404);
  expect((await remove(admin, cem)).status).toBe(204);
  expect((await remove(owner, admin)).status).toBe(204);
  expect((await remove(bob, bob)).status).toBe(204);
  expect(await membersOf(owner)).toEqual([owner]);
  expect((await chat.must(owner, "GET", `/rooms/${room}`)).memberCount).toBe(1);
});

test("IM-48: people who leave get the event in both streams, keep what they could read, and get nothing after", async () => {
  await chat.say(bob, room, "one");
  await remove(bob, bob);
  const event = chat.events(roomStream(room)).at(-1);
  expect(event).toMatchObject({ type: Push.MEMBER_CHANGE, data: { roomId: room, uid: bob, changeType: 2 } });
  expect(chat.eventsOf(bob).at(-1)?.data).toEqual({ roomId: room, uid: bob, changeType: 2, seq: event?.seq });
  await chat.say(cem, room, "two");

  const { items } = await chat.must(bob, "GET", `/rooms/${room}/messages`);
  expect(items.map((item: { message: { body: { content: string } } }) => item.message.body.content)).toEqual(["one"]);
  expect(await chat.must(bob, "GET", `/rooms/${room}`)).toMatchObject({ role: null, seq: event?.seq });
  const send = { clientId: "x", type: 1, body: { content: "three" } };
  expect((await chat.ask(bob, "POST", `/rooms/${room}/messages`, send)).status).toBe(403);
  expect((await chat.ask(bob, "PUT", `/rooms/${room}/read`, { seq: 1 })).status).toBe(403);
  expect((await chat.ask(bob, "GET", `/rooms/${room}/members`)).status).toBe(403);
  expect((await remove(bob, bob)).status).toBe(403);
  expect((await chat.must(bob, "GET", "/rooms")).items.map(({ id }: { id: number }) => id)).toEqual([1]);
  expect((await chat.must(bob, "GET", "/unread")).total).toBe(0);
});

test("IM-49: people who come back read on, and what they missed is not unread", async () => {
  await remove(cem, cem);
  await chat.say(bob, room, "while you were away");
  await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [cem] });
  const view = await chat.must(cem, "GET", `/rooms/${room}`);
  expect(view).toMatchObject({ role: 3, memberCount: 4 });
  expect((await chat.must(cem, "GET", `/rooms/${room}/messages`)).items).toHaveLength(1);
  expect((await chat.must(cem, "GET", "/unread")).total).toBe(0);
});

test("IM-49: somebody who comes back where history is hidden reads from their return on, and nothing of what was before", async () => {
  await chat.must(owner, "PATCH", `/rooms/${room}`, { history: "joined" });
  const texts = async (path = `/rooms/${room}/messages?after=0&limit=2`) =>
    (await chat.pages<{ message: { body: { content: string } } }>(cem, path))
      .flat()
      .map(({ message }) => message.body.content);
  const ids = [(await chat.say(bob, room, "in 1")).message.id];
  for (const n of [1, 2]) {
    await remove(owner, cem);
    ids.push((await chat.say(bob, room, `out ${n}`)).message.id);
    await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [cem] });
    // The newest message is one that they may not read.
    expect((await chat.must(cem, "GET", "/rooms")).items[0]).toMatchObject({ id: room, lastMessage: null, unread: 0 });
    ids.push((await chat.say(bob, room, `in ${n + 1}`)).message.id);
  }
  expect(await texts()).toEqual(["in 3"]);
  expect((await chat.pages(cem, `/rooms/${room}/messages?limit=1`)).flat()).toHaveLength(1);
  expect((await chat.must(cem, "GET", `/rooms/${room}/messages`)).items).toHaveLength(1);
  const statuses = await Promise.all(ids.map(async (id) => (await chat.ask(cem, "GET", `/messages/${id}`)).status));
  expect(statuses).toEqual([404, 404, 404, 404, 200]);
  const quoting = async (replyTo: number | undefined) =>
    (
      await chat.ask(cem, "POST", `/rooms/${room}/messages`, {
        clientId: `q${replyTo}`,
        type: 1,
        body: { content: "q" },
        replyTo,
      })
    ).status;
  expect([await quoting(ids[4]), await quoting(ids[2]), await quoting(ids[1])]).toEqual([201, 422, 422]);
  // If the room shows its history, coming back opens all of it.
  await remove(owner, cem);
  await chat.must(owner, "PATCH", `/rooms/${room}`, { history: "all" });
  await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [cem] });
  expect(await texts()).toEqual(["in 1", "out 1", "in 2", "out 2", "in 3", "q"]);
});

test("IM-55: people who were removed or left see the room as it was then, until they come back", async () => {
  await chat.must(owner, "PATCH", `/rooms/${room}`, { name: "before", notice: "n1" });
  await remove(owner, cem);
  const seen = await chat.must(cem, "GET", `/rooms/${room}`);
  expect(seen).toMatchObject({
    name: "before",
    notice: "n1",
    ownerId: owner,
    muteAll: false,
    history: "all",
    memberCount: 3,
    id: room,
    role: null,
  });
  await chat.must(owner, "PATCH", `/rooms/${room}`, {
    ...{ name: "after", notice: "secret", avatar: "https://a/b", muteAll: true, history: "joined" },
  });
  await chat.must(owner, "POST", `/rooms/${room}/members`, { memberIds: [stranger] });
  await chat.must(owner, "PUT", `/rooms/${room}/owner`, { uid: bob });
  const { asOf, ...then } = seen;
  expect(await chat.must(cem, "GET", `/rooms/${room}`)).toMatchObject(then);
  await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [cem] });
  const back = { name: "after", notice: "secret", memberCount: 5, ownerId: bob, muteAll: true, role: 3 };
  expect(await chat.must(cem, "GET", `/rooms/${room}`)).toMatchObject(back);
  await remove(cem, cem);
  await chat.must(bob, "DELETE", `/rooms/${room}`);
  expect(await chat.must(cem, "GET", `/rooms/${room}`)).toMatchObject({
    name: "after",
    memberCount: 4,
    dissolvedAt: null,
  });
});

test("IM-50: where history begins at joining, newcomers read from there", async () => {
  await chat.must(owner, "PATCH", `/rooms/${room}`, { history: "joined" });
  await chat.say(bob, room, "before");
  await chat.must(bob, "POST", `/rooms/${room}/members`, { memberIds: [stranger] });
  expect((await chat.must(stranger, "GET", `/rooms/${room}/messages`)).items).toEqual([]);
  const [listed] = (await chat.must(stranger, "GET", "/rooms")).items;
  expect(listed).toMatchObject({ id: room, lastMessage: null, unread: 0 });
  await chat.say(bob, room, "after");
  expect((await chat.must(stranger, "GET", `/rooms/${room}/messages`)).items).toHaveLength(1);
  expect((await chat.must(cem, "GET", `/rooms/${room}/messages`)).items).toHaveLength(2);
  expect((await chat.must(stranger, "GET", "/rooms")).items[0].lastMessage.message.body.content).toBe("after");
});

test("IM-51: nobody whose account was deleted becomes owner or admin; an admin who was deleted may become an ordinary member", async () => {
  await chat.must(owner, "PUT", `/rooms/${room}/members/${cem}/role`, { role: 2 });
  for (const uid of [bob, cem]) await chat.scratch.writes.run(deleteAccount, { uid });
  expect(await chat.ask(owner, "PUT", `/rooms/${room}/owner`, { uid: bob })).toMatchObject({
    ...{ status: 422, body: { code: "unknown_user", userIds: [bob] } },
  });
  expect((await chat.ask(owner, "PUT", `/rooms/${room}/members/${bob}/role`, { role: 2 })).body.code).toBe(
    "unknown_user",
  );
  await chat.must(owner, "PUT", `/rooms/${room}/members/${cem}/role`, { role: 3 });
  expect((await chat.must(owner, "GET", `/rooms/${room}`)).ownerId).toBe(owner);
});

test("IM-47, IM-51: the owner transfers the ownership, and then may leave", async () => {
  expect((await chat.ask(admin, "PUT", `/rooms/${room}/owner`, { uid: bob })).status).toBe(403);
  expect((await chat.ask(owner, "PUT", `/rooms/${room}/owner`, { uid: stranger })).body.code).toBe("unknown_user");
  expect(await chat.must(owner, "PUT", `/rooms/${room}/owner`, { uid: bob })).toEqual({ roomId: room, ownerId: bob });
  expect(
    chat
      .events(roomStream(room))
      .slice(-3)
      .map(({ type, data }) => ({ type, data })),
  ).toEqual([
    { type: Push.ROOM, data: { roomId: room, ownerId: bob } },
    { type: Push.MEMBER_UPDATE, data: { roomId: room, uid: owner, role: 3 } },
    { type: Push.MEMBER_UPDATE, data: { roomId: room, uid: bob, role: 1 } },
  ]);
  expect(await chat.must(bob, "GET", `/rooms/${room}`)).toMatchObject({ ownerId: bob, role: 1 });
  expect((await remove(owner, owner)).status).toBe(204);
});

test("IM-51: an owner who transfers the ownership to themselves keeps it, and nothing is logged", async () => {
  const before = chat.scratch.events.length;
  expect(await chat.must(owner, "PUT", `/rooms/${room}/owner`, { uid: owner })).toEqual({
    roomId: room,
    ownerId: owner,
  });
  expect(chat.scratch.events).toHaveLength(before);
  expect(await chat.must(owner, "GET", `/rooms/${room}`)).toMatchObject({ ownerId: owner, role: 1 });
});

test("IM-47: admins do not remove each other", async () => {
  await chat.must(owner, "PUT", `/rooms/${room}/members/${bob}/role`, { role: 2 });
  expect((await remove(admin, bob)).status).toBe(403);
  expect((await remove(bob, admin)).status).toBe(403);
});

test("IM-51: roles are the owner's to give, once each", async () => {
  const put = (who: number, uid: number, role: number) =>
    chat.ask(who, "PUT", `/rooms/${room}/members/${uid}/role`, { role });
  expect((await put(admin, bob, 2)).status).toBe(403);
  expect((await put(owner, owner, 3)).status).toBe(403);
  expect((await put(owner, bob, 1)).status).toBe(400);
  const before = chat.events(roomStream(room)).length;
  expect((await put(owner, admin, 2)).status).toBe(200);
  expect(chat.events(roomStream(room))).toHaveLength(before);
  expect((await put(owner, admin, 3)).body).toEqual({ roomId: room, uid: admin, role: 3 });
  expect(chat.events(roomStream(room)).at(-1)?.data).toEqual({ roomId: room, uid: admin, role: 3 });
  expect((await remove(admin, cem)).status).toBe(403);
});

test("IM-54: members come in pages, each once", async () => {
  await chat.must(owner, "POST", `/rooms/${room}/members`, { memberIds: await chat.people(7) });
  const pages = await chat.pages<{ uid: number }>(owner, `/rooms/${room}/members?limit=4`);
  const seen = pages.flat().map(({ uid }) => uid);
  expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  expect(pages.map((items) => items.length)).toEqual([4, 4, 3]);
  expect((await chat.must(owner, "GET", `/rooms/${room}/members`)).asOf).toStartWith(`${chat.scratch.epoch};*@`);
  expect((await chat.ask(owner, "GET", `/rooms/${room}/members?cursor=x`)).body.code).toBe("invalid");
});
