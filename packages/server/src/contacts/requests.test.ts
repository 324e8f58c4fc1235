import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

/** The other counters that SELF has. */
const NO_NOTICES = { unseen: 0, unreadNotifications: 0 };

let chat: ChatFixture;
let ann: number;
let ben: number;
let cem: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
});
afterEach(() => chat.close());

const ask = (who: number, userId: number, text = "hello") =>
  chat.ask(who, "POST", "/friend-requests", { userId, text });
const answer = (who: number, id: number, verb: string) => chat.ask(who, "POST", `/friend-requests/${id}/${verb}`);
const withdraw = (who: number, id: number) => chat.ask(who, "DELETE", `/friend-requests/${id}`);
const requests = async (who: number) => (await chat.must(who, "GET", "/friend-requests")).items;
const friends = async (who: number) =>
  (await chat.must(who, "GET", "/friends")).items.map(({ uid }: { uid: number }) => uid);
const unread = async (who: number) => (await chat.must(who, "GET", "/unread")).friendRequests;
/** What somebody's devices were told, without the copies of joinings. */
const told = (who: number) =>
  chat
    .eventsOf(who)
    .filter(({ type }) => type !== Push.MEMBER_CHANGE)
    .map(({ type, data }) => [type, data]);

test("FRD-1, FRD-2: asking is told to both: APPLY and FRIEND to the one who is asked, FRIEND to the one who asks", async () => {
  const { status, body } = await ask(ann, ben, "it is me\nAnn");
  const at = chat.clock.now();
  const { id } = body;
  const mine = { id, uid: ben, direction: "out", text: "it is me\nAnn", state: "open", read: null, createdAt: at };
  expect({ status, body }).toEqual({ status: 201, body: mine });
  expect(told(ann)).toEqual([[Push.FRIEND, { uid: ben, change: "requested", requestId: id }]]);
  expect(told(ben)).toEqual([
    [Push.APPLY, { uid: ann, unreadCount: 1 }],
    [Push.FRIEND, { uid: ann, change: "requested", requestId: id }],
  ]);
  const shown = { name: `p${ann}`, avatar: "" };
  expect(await requests(ben)).toEqual([{ ...mine, uid: ann, direction: "in", read: false, ...shown }]);
  expect(await requests(ann)).toEqual([{ ...mine, name: `p${ben}`, avatar: "" }]);
  expect([await unread(ann), await unread(ben), await unread(cem)]).toEqual([0, 1, 0]);
});

test("FRD-1: a text has at most 200 characters, and may be missing", async () => {
  expect((await ask(ann, ben, "x".repeat(201))).body.code).toBe("invalid");
  const { body } = await chat.ask(ann, "POST", "/friend-requests", { userId: ben });
  expect(body.text).toBe("");
});

test("FRD-3: the same again answers with the first request and tells nobody", async () => {
  const { body: first } = await ask(ann, ben);
  const before = [told(ann), told(ben)];
  const again = await ask(ann, ben, "another text");
  expect(again).toEqual({ status: 200, body: first });
  expect([told(ann), told(ben)]).toEqual(before);
  expect(await requests(ben)).toHaveLength(1);
});

test("FRD-4: accepting makes friends of both, opens their room and tells both", async () => {
  const { body } = await ask(ann, ben);
  const accepted = await answer(ben, body.id, "accept");
  expect(accepted).toMatchObject({ status: 200, body: { id: body.id, state: "accepted", read: true } });
  const { id: roomId } = await chat.must(ann, "POST", "/rooms/direct", { userId: ben });
  const data = { change: "accepted", requestId: body.id, roomId };
  expect(told(ann).at(-1)).toEqual([Push.FRIEND, { uid: ben, ...data }]);
  expect(told(ben).slice(-2)).toEqual([
    [Push.FRIEND, { uid: ann, ...data }],
    [Push.SELF, { friendRequests: 0, ...NO_NOTICES }],
  ]);
  const [friend] = (await chat.must(ann, "GET", "/friends")).items;
  const seen = { activeStatus: 2, lastOptTime: null };
  expect(friend).toEqual({ uid: ben, name: `p${ben}`, avatar: "", remark: "", roomId, ...seen });
  expect(await friends(ben)).toEqual([ann]);
  expect(await unread(ben)).toBe(0);
  expect((await ask(ann, ben)).body.code).toBe("already_friends");
  expect((await ask(ben, ann)).body.code).toBe("already_friends");
});

test("FRD-4: the direct room that is there already is theirs", async () => {
  const { id } = await chat.must(ben, "POST", "/rooms/direct", { userId: ann });
  const { body } = await ask(ann, ben);
  await answer(ben, body.id, "accept");
  expect((await chat.must(ann, "GET", "/friends")).items).toMatchObject([{ roomId: id }]);
});

test("FRD-5: asking the person who has asked accepts their request", async () => {
  const { body: theirs } = await ask(ann, ben);
  const { status, body } = await ask(ben, ann);
  expect({ status, body }).toMatchObject({ status: 200, body: { id: theirs.id, direction: "in", state: "accepted" } });
  expect(await friends(ann)).toEqual([ben]);
  expect(told(ann).filter(([type]) => type === Push.APPLY)).toEqual([]);
});

test("FRD-5: two who ask each other at the same moment are friends, and one of the requests stands", async () => {
  const replies = await Promise.all([ask(ann, ben), ask(ben, ann), ask(ann, ben), ask(ben, ann)]);
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(await friends(ann)).toEqual([ben]);
  expect(await requests(ann)).toHaveLength(1);
  const accepted = told(ben).filter(([type, data]) => type === Push.FRIEND && data.change === "accepted");
  expect(accepted).toHaveLength(1);
});

test("FRD-6: only the person who was asked answers; an answer may be repeated, and is not changed into another", async () => {
  const { body } = await ask(ann, ben);
  for (const verb of ["accept", "reject"]) {
    expect((await answer(ann, body.id, verb)).body.code).toBe("forbidden");
    expect((await answer(cem, body.id, verb)).body.code).toBe("not_found");
    expect((await answer(ben, 999, verb)).body.code).toBe("not_found");
  }
  expect((await withdraw(ben, body.id)).body.code).toBe("forbidden");
  expect((await withdraw(cem, body.id)).body.code).toBe("not_found");
  await answer(ben, body.id, "reject");
  const before = [told(ann), told(ben)];
  expect((await answer(ben, body.id, "reject")).body).toMatchObject({ state: "rejected" });
  expect((await answer(ben, body.id, "accept")).body.code).toBe("request_closed");
  expect((await withdraw(ann, body.id)).body.code).toBe("request_closed");
  expect([told(ann), told(ben)]).toEqual(before);
  const { body: other } = await ask(cem, ben);
  await answer(ben, other.id, "accept");
  expect((await answer(ben, other.id, "accept")).body).toMatchObject({ state: "accepted" });
  expect((await answer(ben, other.id, "reject")).body.code).toBe("request_closed");
});

test("FRD-7: a rejection is told to both; the same person may ask again a day later, and their request takes the place of the first", async () => {
  const { body } = await ask(ann, ben);
  await answer(ben, body.id, "reject");
  const answered = chat.clock.now();
  const data = { change: "rejected", requestId: body.id };
  expect(told(ann).at(-1)).toEqual([Push.FRIEND, { uid: ben, ...data }]);
  expect(told(ben).slice(-2)).toEqual([
    [Push.FRIEND, { uid: ann, ...data }],
    [Push.SELF, { friendRequests: 0, ...NO_NOTICES }],
  ]);
  const day = 24 * 60 * 60 * 1000;
  chat.clock.advance(day - 1);
  expect((await ask(ann, ben)).body).toMatchObject({ code: "request_rejected", until: answered + day });
  // The other one is free to ask.
  chat.clock.advance(1);
  const { status, body: second } = await ask(ann, ben);
  expect(status).toBe(201);
  expect((await requests(ben)).map(({ id }: { id: number }) => id)).toEqual([second.id]);
  expect(second.id).toBeGreaterThan(body.id);
});

test("FRD-7: the person who has rejected may ask at once", async () => {
  const { body } = await ask(ann, ben);
  await answer(ben, body.id, "reject");
  expect((await ask(ben, ann)).status).toBe(201);
  expect((await requests(ann)).map(({ state }: { state: string }) => state)).toEqual(["open", "rejected"]);
});

test("FRD-8: a request that is withdrawn is gone, for both", async () => {
  const { body } = await ask(ann, ben);
  expect((await withdraw(ann, body.id)).status).toBe(204);
  const data = { change: "withdrawn", requestId: body.id };
  expect(told(ann).at(-1)).toEqual([Push.FRIEND, { uid: ben, ...data }]);
  expect(told(ben).slice(-2)).toEqual([
    [Push.FRIEND, { uid: ann, ...data }],
    [Push.SELF, { friendRequests: 0, ...NO_NOTICES }],
  ]);
  expect([await requests(ann), await requests(ben), await unread(ben)]).toEqual([[], [], 0]);
  expect((await answer(ben, body.id, "accept")).body.code).toBe("not_found");
  expect((await withdraw(ann, body.id)).body.code).toBe("not_found");
  expect((await ask(ann, ben)).status).toBe(201);
});

test("FRD-9: what is read on one device is told to the others; an id that no request has yet reads nothing that comes later", async () => {
  const [dan, eva] = (await chat.people(2)) as [number, number];
  const { body: first } = await ask(ann, ben);
  const { body: second } = await ask(cem, ben);
  const { body: third } = await ask(dan, ben);
  const read = (upTo: number) => chat.must(ben, "PUT", "/friend-requests/read", { upTo });
  expect(await read(second.id)).toEqual({ friendRequests: 1 });
  expect(told(ben).at(-1)).toEqual([Push.SELF, { friendRequestsRead: second.id, friendRequests: 1, ...NO_NOTICES }]);
  const before = told(ben);
  expect(await read(first.id)).toEqual({ friendRequests: 1 });
  expect(told(ben)).toEqual(before);
  expect((await requests(ben)).map(({ read }: { read: boolean }) => read)).toEqual([false, true, true]);
  expect(await read(Number.MAX_SAFE_INTEGER)).toEqual({ friendRequests: 0 });
  expect(told(ben).at(-1)).toEqual([Push.SELF, { friendRequestsRead: third.id, friendRequests: 0, ...NO_NOTICES }]);
  await ask(eva, ben);
  expect(await unread(ben)).toBe(1);
  // The person who asked does not learn it.
  expect((await requests(ann))[0].read).toBeNull();
});

test("FRD-9: answers to requests that were read tell no counter", async () => {
  const { body } = await ask(ann, ben);
  await chat.must(ben, "PUT", "/friend-requests/read", { upTo: body.id });
  await answer(ben, body.id, "reject");
  expect(told(ben).at(-1)?.[0]).toBe(Push.FRIEND);
});

test("FRD-1: nobody asks themselves, a deleted account, the system or nobody", async () => {
  expect((await ask(ann, ann)).body.code).toBe("own_account");
  for (const uid of [1, 999_999])
    expect((await ask(ann, uid)).body).toMatchObject({ code: "unknown_user", userIds: [uid] });
});

test("FRD-10: a hundred requests of one person wait, and a hundred for one person; answers make room", async () => {
  const others = await chat.people(101);
  const ids: number[] = [];
  for (const other of others.slice(0, 100)) ids.push((await ask(ann, other)).body.id);
  expect((await ask(ann, others[100] as number)).body.code).toBe("too_many_requests_open");
  await answer(others[0] as number, ids[0] as number, "reject");
  expect((await ask(ann, others[100] as number)).status).toBe(201);
  for (const other of others.slice(0, 100)) expect((await ask(other, ben)).status).toBe(201);
  const full = await ask(others[100] as number, ben);
  expect(full.body).toMatchObject({ code: "too_many_requests_open", userIds: [ben] });
  // Repeating an existing request adds none, and a person whose list is full can still ask.
  expect((await ask(others[3] as number, ben)).status).toBe(200);
  expect((await ask(ben, others[100] as number)).status).toBe(201);
  expect(await unread(ben)).toBe(100);
}, 60_000);

test("FRD-1: the list has each request once over all pages, newest first, of both directions", async () => {
  const others = await chat.people(5);
  const ids: number[] = [];
  for (const [n, other] of others.entries()) {
    ids.push((await (n % 2 ? ask(ann, other) : ask(other, ann))).body.id);
  }
  for (const limit of [1, 2, 3, 5, 100]) {
    const pages = await chat.pages<{ id: number }>(ann, `/friend-requests?limit=${limit}`);
    expect(pages.flat().map(({ id }) => id)).toEqual(ids.toReversed());
  }
});
