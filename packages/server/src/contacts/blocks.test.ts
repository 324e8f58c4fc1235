import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push, roomStream, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

/** ann blocks ben, who must not notice; cem is somebody else. */
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

const block = (who: number, whom: number) => chat.ask(who, "PUT", `/blocks/${whom}`);
const unblock = (who: number, whom: number) => chat.ask(who, "DELETE", `/blocks/${whom}`);
const ask = (who: number, userId: number) => chat.ask(who, "POST", "/friend-requests", { userId, text: "please" });
const requests = async (who: number) => (await chat.must(who, "GET", "/friend-requests")).items;
const unread = async (who: number) => (await chat.must(who, "GET", "/unread")).friendRequests;
const blocked = async (who: number) => (await chat.must(who, "GET", "/blocks")).items;
const direct = async () => (await chat.must(ann, "POST", "/rooms/direct", { userId: ben })).id as number;
const texts = async (who: number, room: number) =>
  (await chat.must(who, "GET", `/rooms/${room}/messages`)).items.map(
    ({ message }: { message: { body: { content: string } } }) => message.body.content,
  );
const told = (who: number) => chat.eventsOf(who).map(({ type, data }) => [type, data]);

test("BLK-1: a block is told to the person's own devices, once, and listed by uid", async () => {
  expect((await block(ann, cem)).status).toBe(204);
  for (const _ of [1, 2]) expect((await block(ann, ben)).status).toBe(204);
  expect(told(ann)).toEqual([
    [Push.SELF, { block: { uid: cem, blocked: true } }],
    [Push.SELF, { block: { uid: ben, blocked: true } }],
  ]);
  expect(await blocked(ann)).toEqual([
    { uid: ben, name: `p${ben}`, avatar: "" },
    { uid: cem, name: `p${cem}`, avatar: "" },
  ]);
  expect([await blocked(ben), told(ben), told(cem)]).toEqual([[], [], []]);
  for (const _ of [1, 2]) expect((await unblock(ann, ben)).status).toBe(204);
  expect(told(ann).slice(2)).toEqual([[Push.SELF, { block: { uid: ben, blocked: false } }]]);
  expect((await blocked(ann)).map(({ uid }: { uid: number }) => uid)).toEqual([cem]);
});

test("BLK-1: nobody blocks themselves or nobody, and at most a thousand people", async () => {
  expect((await block(ann, ann)).body.code).toBe("own_account");
  for (const uid of [1, 999_999]) expect((await block(ann, uid)).body.code).toBe("unknown_user");
  const columns = ["uid", "blocked_uid", "since", "read_seq"];
  await chat.fill("blocks", columns, 1000, (n) => [ann, 900_000 + n, 1, 0]);
  expect((await block(ann, ben)).body.code).toBe("too_many_blocks");
  await unblock(ann, 900_000);
  expect((await block(ann, ben)).status).toBe(204);
});

test("BLK-2: what somebody who is blocked asks never reaches the other, and waits as far as they can tell", async () => {
  await block(ann, ben);
  const before = told(ann);
  const { status, body } = await ask(ben, ann);
  expect({ status, body }).toMatchObject({ status: 201, body: { uid: ann, direction: "out", state: "open" } });
  expect(await ask(ben, ann)).toEqual({ status: 200, body });
  expect([told(ann), await requests(ann), await unread(ann)]).toEqual([before, [], 0]);
  expect(await requests(ben)).toMatchObject([{ id: body.id, state: "open" }]);
  for (const verb of ["accept", "reject"]) {
    expect((await chat.ask(ann, "POST", `/friend-requests/${body.id}/${verb}`)).body.code).toBe("not_found");
  }
  expect((await chat.ask(ann, "DELETE", `/friend-requests/${body.id}`)).body.code).toBe("not_found");
  expect((await chat.ask(ben, "DELETE", `/friend-requests/${body.id}`)).status).toBe(204);
  expect(told(ann)).toEqual(before);
});

test("BLK-2: a request that waits is hidden by the block, and its counter with it", async () => {
  const { body } = await ask(ben, ann);
  await ask(cem, ann);
  const benBefore = told(ben);
  await block(ann, ben);
  expect(told(ann).at(-1)).toEqual([
    Push.SELF,
    { block: { uid: ben, blocked: true }, friendRequests: 1, ...NO_NOTICES },
  ]);
  expect((await requests(ann)).map(({ uid }: { uid: number }) => uid)).toEqual([cem]);
  expect(await unread(ann)).toBe(1);
  expect([told(ben), (await requests(ben))[0].id]).toEqual([benBefore, body.id]);
  // Hidden requests keep nobody else from asking: they do not count.
  await unblock(ann, ben);
  expect(await requests(ann)).toHaveLength(1);
});

test("BLK-2: once the block has ended, the same request reaches the other when it is made again", async () => {
  await block(ann, ben);
  const { body } = await ask(ben, ann);
  await ask(cem, ann);
  await chat.must(ann, "PUT", "/friend-requests/read", { upTo: Number.MAX_SAFE_INTEGER });
  await unblock(ann, ben);
  expect(await unread(ann)).toBe(0);
  const benBefore = told(ben);
  expect(await ask(ben, ann)).toEqual({ status: 200, body });
  expect(told(ben)).toEqual(benBefore);
  expect(told(ann).slice(-2)).toEqual([
    [Push.APPLY, { uid: ben, unreadCount: 1 }],
    [Push.FRIEND, { uid: ben, change: "requested", requestId: body.id }],
  ]);
  expect([await unread(ann), await requests(ann)]).toMatchObject([1, [{ uid: cem }, { id: body.id, read: false }]]);
});

test("BLK-2: a hundred hidden requests keep nobody from asking", async () => {
  const others = await chat.people(101);
  const hidden = others.slice(0, 100);
  await Promise.all(hidden.map((other) => block(ann, other)));
  const asked = await Promise.all(hidden.map((other) => ask(other, ann)));
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([201]));
  expect((await ask(others[100] as number, ann)).status).toBe(201);
  expect(await unread(ann)).toBe(1);
});

test("BLK-2: an answer to a request that the person who blocks has made reaches them", async () => {
  const { body } = await ask(ann, ben);
  await block(ann, ben);
  expect(await chat.must(ben, "POST", `/friend-requests/${body.id}/accept`)).toMatchObject({ state: "accepted" });
  expect((await chat.must(ann, "GET", "/friends")).items).toMatchObject([{ uid: ben }]);
});

test("BLK-3: the person who blocks does not ask, write or mark before they end the block", async () => {
  const room = await direct();
  const { message } = await chat.say(ben, room, "hello");
  await block(ann, ben);
  expect((await ask(ann, ben)).body.code).toBe("person_blocked");
  const text = { clientId: "b", type: 1, body: { content: "hello" } };
  expect((await chat.ask(ann, "POST", `/rooms/${room}/messages`, text)).body.code).toBe("person_blocked");
  expect((await chat.ask(ann, "PUT", `/messages/${message.id}/marks/like`)).body.code).toBe("person_blocked");
  await unblock(ann, ben);
  expect((await chat.ask(ann, "POST", `/rooms/${room}/messages`, text)).status).toBe(201);
});

test("BLK-4: direct messages of somebody who is blocked are answered 201, and only their sender ever sees them", async () => {
  const room = await direct();
  await chat.say(ben, room, "before");
  await block(ann, ben);
  const [inRoom, own] = [chat.events(roomStream(room)), chat.eventsOf(ann)];
  const request = { clientId: "once", type: 1, body: { content: "hidden" } };
  const sent = await chat.ask(ben, "POST", `/rooms/${room}/messages`, request);
  expect(sent).toMatchObject({
    status: 201,
    body: { fromUser: { uid: ben }, message: { body: { content: "hidden" } } },
  });
  expect(await chat.ask(ben, "POST", `/rooms/${room}/messages`, request)).toEqual({ status: 200, body: sent.body });
  expect([chat.events(roomStream(room)), chat.eventsOf(ann)]).toEqual([inRoom, own]);
  expect(chat.events(userStream(ben)).at(-1)).toMatchObject({ type: Push.MESSAGE, data: sent.body });
  expect([await texts(ann, room), await texts(ben, room)]).toEqual([["before"], ["before", "hidden"]]);
  expect((await chat.must(ann, "GET", "/unread")).total).toBe(1);
  // What was hidden stays so; what is written after the block is seen.
  await unblock(ann, ben);
  await chat.say(ben, room, "after");
  expect(await texts(ann, room)).toEqual(["before", "after"]);
  expect(await texts(ben, room)).toEqual(["before", "hidden", "after"]);
});

test("BLK-4: hidden and seen messages that are written together each go where they belong", async () => {
  const room = await direct();
  const other = await chat.group(ann, [ben, cem]);
  const withCem = (await chat.must(ben, "POST", "/rooms/direct", { userId: cem })).id;
  await block(ann, ben);
  await Promise.all([room, other, withCem, room].map((to, n) => chat.say(ben, to, `m${n}`)));
  expect(await texts(ann, room)).toEqual([]);
  expect(await texts(ben, room)).toEqual(["m0", "m3"]);
  expect([await texts(ann, other), await texts(cem, withCem)]).toEqual([["m1"], ["m2"]]);
});

test("BLK-5: to each other they are offline over HTTP, since the moment at which the other one knew it last", async () => {
  const { presence } = chat.context;
  const group = await chat.group(ann, [ben, cem]);
  const { body } = await ask(ben, ann);
  await chat.must(ann, "POST", `/friend-requests/${body.id}/accept`);
  for (const uid of [ann, ben]) presence.attached(uid);
  chat.clock.advance(5000);
  const at = chat.clock.now();
  await block(ann, ben);
  chat.clock.advance(5000);
  const shown = async (who: number, uid: number) => {
    const { items } = await chat.must(who, "GET", `/presence?userIds=${uid}`);
    const members = (await chat.must(who, "GET", `/rooms/${group}/members`)).items;
    const friends = (await chat.must(who, "GET", "/friends")).items;
    const all = [...items, ...[...members, ...friends].filter((one) => one.uid === uid)];
    return all.map(({ activeStatus, lastOptTime }) => [activeStatus, lastOptTime]);
  };
  expect(await shown(ben, ann)).toEqual([
    [2, at],
    [2, at],
    [2, at],
  ]);
  expect(await shown(ann, ben)).toEqual([
    [2, null],
    [2, null],
    [2, null],
  ]);
  expect((await shown(cem, ann))[0]?.[0]).toBe(1);
  await unblock(ann, ben);
  expect((await shown(ben, ann))[0]?.[0]).toBe(1);
});

test("BLK-5: somebody who was offline when they blocked has been so since then, whenever they come and go later", async () => {
  await direct();
  await block(ann, ben);
  chat.context.presence.attached(ann);
  const { items } = await chat.must(ben, "GET", `/presence?userIds=${ann}`);
  expect(items).toEqual([{ uid: ann, activeStatus: 2, lastOptTime: null }]);
});

test("BLK-7: READ goes to the reader's own devices alone, and the receipts of the blocked person stay as they were", async () => {
  const room = await direct();
  const { message: first } = await chat.say(ben, room, "first");
  await chat.must(ann, "PUT", `/rooms/${room}/read`, { seq: first.seq });
  const { message: second } = await chat.say(ben, room, "second");
  await block(ann, ben);
  const { message: hidden } = await chat.say(ben, room, "hidden");
  const frames: [string, unknown][] = [];
  const round = () =>
    chat.context.readRound.tell((stream, frame) => frames.push([stream, JSON.parse(frame).data.reads]));
  await round();
  frames.length = 0;
  await chat.must(ann, "PUT", `/rooms/${room}/read`, { seq: second.seq });
  await round();
  expect(frames).toEqual([[userStream(ann), [{ uid: ann, seq: second.seq }]]]);
  const readers = async (id: number, state: string) =>
    (await chat.must(ben, "GET", `/messages/${id}/receipts?state=${state}`)).items;
  const place = [{ uid: ann, seq: first.seq }];
  expect(await readers(first.id, "read")).toEqual(place);
  expect(await readers(second.id, "unread")).toEqual(place);
  expect(await readers(hidden.id, "unread")).toEqual(place);
  await unblock(ann, ben);
  expect(await readers(second.id, "read")).toEqual([{ uid: ann, seq: second.seq }]);
});

test("BLK-7: in groups receipts are as for everybody", async () => {
  const room = await chat.group(ann, [ben]);
  const { message } = await chat.say(ben, room, "first");
  await block(ann, ben);
  await chat.must(ann, "PUT", `/rooms/${room}/read`, { seq: message.seq });
  const { items } = await chat.must(ben, "GET", `/messages/${message.id}/receipts?state=read`);
  expect(items).toEqual([{ uid: ann, seq: message.seq }]);
});
