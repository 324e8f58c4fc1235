import { afterEach, beforeEach, expect, test } from "bun:test";
import { HALL_ROOM_ID, MUTED_FOR_GOOD, Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

let chat: ChatFixture;
let owner: number;
let admin: number;
let bob: number;
let stranger: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [owner, admin, bob, stranger] = (await chat.people(4)) as [number, number, number, number];
  room = await chat.group(owner, [admin, bob]);
  await chat.must(owner, "PUT", `/rooms/${room}/members/${admin}/role`, { role: 2 });
});
afterEach(() => chat.close());

const mute = (who: number, uid: number, until: unknown = null, on = room) =>
  chat.ask(who, "PUT", `/rooms/${on}/members/${uid}/mute`, { until });
const unmute = (who: number, uid: number) => chat.ask(who, "DELETE", `/rooms/${room}/members/${uid}/mute`);
const send = (who: number, clientId: string) =>
  chat.ask(who, "POST", `/rooms/${room}/messages`, { clientId, type: 1, body: { content: "hello" } });
const updates = () =>
  chat
    .events(roomStream(room))
    .filter(({ type, data }) => type === Push.MEMBER_UPDATE && "mutedUntil" in data)
    .map(({ data }) => data);
const shown = async (uid: number) => {
  const { items } = await chat.must(owner, "GET", `/rooms/${room}/members`);
  return items.find((member: { uid: number }) => member.uid === uid).mutedUntil;
};

test("IM-92, IM-94: a member who is muted until a time writes again when it has come, and no event says so", async () => {
  const until = chat.clock.now() + 60_000;
  expect(await mute(owner, bob, until)).toEqual({ status: 200, body: { roomId: room, uid: bob, mutedUntil: until } });
  expect(await shown(bob)).toBe(until);
  expect((await chat.must(bob, "GET", "/me/export")).rooms).toMatchObject([{ roomId: room, mutedUntil: until }]);
  const refused = await send(bob, "a");
  expect(refused).toMatchObject({ status: 403, body: { code: "muted", until } });
  expect((await send(admin, "a")).status).toBe(201);
  chat.clock.advance(59_999);
  expect((await send(bob, "a")).body.code).toBe("muted");
  chat.clock.advance(1);
  expect((await send(bob, "a")).status).toBe(201);
  expect(updates()).toEqual([{ roomId: room, uid: bob, mutedUntil: until }]);
});

test("IM-92, IM-94: a member who is muted for good stays so until somebody ends it, and may read, mark and leave", async () => {
  const { message } = await chat.say(owner, room, "quiet, please");
  expect((await mute(admin, bob)).body.mutedUntil).toBe(MUTED_FOR_GOOD);
  chat.clock.advance(10 * 365 * 86_400_000);
  expect((await send(bob, "a")).body).toMatchObject({ code: "muted", until: null });
  expect((await chat.ask(bob, "PUT", `/messages/${message.id}/marks/dislike`)).status).toBe(200);
  await chat.must(bob, "PUT", `/rooms/${room}/read`, { seq: message.seq });
  expect((await unmute(owner, bob)).status).toBe(204);
  expect(await shown(bob)).toBeNull();
  expect((await send(bob, "a")).status).toBe(201);
  expect(updates().map(({ mutedUntil }) => mutedUntil)).toEqual([MUTED_FOR_GOOD, null]);
  await mute(owner, bob);
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
});

test("IM-92: a time that has passed, and anything but a time, is 400", async () => {
  for (const until of [chat.clock.now(), chat.clock.now() - 1, 0]) {
    const reply = await mute(owner, bob, until);
    expect(reply).toMatchObject({ status: 400, body: { code: "invalid", errors: [{ path: "until" }] } });
  }
  for (const until of ["tomorrow", -1, 1.5, MUTED_FOR_GOOD + 1, undefined]) {
    const body = until === undefined ? {} : { until };
    expect((await chat.ask(owner, "PUT", `/rooms/${room}/members/${bob}/mute`, body)).status).toBe(400);
  }
  expect(updates()).toEqual([]);
});

test("IM-94: a request that changes nothing is not told", async () => {
  const until = chat.clock.now() + 1000;
  for (const _ of [1, 2]) expect((await mute(owner, bob, until)).status).toBe(200);
  expect(updates()).toHaveLength(1);
  for (const _ of [1, 2]) expect((await unmute(owner, bob)).status).toBe(204);
  expect(updates()).toHaveLength(2);
});

test("IM-93: the owner mutes anybody else, an admin ordinary members, and those nobody", async () => {
  const codeOf = async (reply: ReturnType<typeof mute>) => (await reply).body?.code;
  expect((await mute(owner, admin)).status).toBe(200);
  expect((await mute(admin, bob)).status).toBe(200);
  for (const [who, uid] of [
    [bob, admin],
    [bob, owner],
    [admin, owner],
  ] as const) {
    expect(await codeOf(mute(who, uid))).toBe("forbidden");
    expect(await codeOf(unmute(who, uid))).toBe("forbidden");
  }
  expect(await codeOf(unmute(admin, admin))).toBe("own_account");
  expect(await codeOf(unmute(bob, bob))).toBe("own_account");
  expect(await codeOf(mute(owner, owner))).toBe("own_account");
  expect(await codeOf(mute(owner, stranger))).toBe("not_found");
  expect(await codeOf(mute(stranger, bob))).toBe("not_found");
  expect((await send(owner, "a")).status).toBe(201);
});

test("IM-93: an admin mutes no other admin", async () => {
  await chat.must(owner, "PUT", `/rooms/${room}/members/${bob}/role`, { role: 2 });
  expect((await mute(admin, bob)).body.code).toBe("forbidden");
  expect((await send(bob, "a")).status).toBe(201);
});

test("IM-93: nobody is muted in the hall, in a direct room, or in a room that is no more", async () => {
  const direct = (await chat.must(owner, "POST", "/rooms/direct", { userId: bob })).id;
  expect((await mute(owner, bob, null, direct)).body.code).toBe("direct_fixed");
  expect(
    (await chat.ask(`admin-${owner}`, "PUT", `/rooms/${HALL_ROOM_ID}/members/${bob}/mute`, { until: null })).body.code,
  ).toBe("hall_fixed");
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  expect((await mute(owner, bob)).body.code).toBe("not_found");
  await chat.must(owner, "DELETE", `/rooms/${room}`);
  expect((await mute(owner, admin)).body.code).toBe("room_dissolved");
});

test("IM-95: a mute outlasts leaving and coming back, which the room is told; one that has ended does not come back", async () => {
  const until = chat.clock.now() + 60_000;
  const again = async () => {
    await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
    await chat.must(owner, "POST", `/rooms/${room}/members`, { memberIds: [bob, stranger] });
  };
  await mute(owner, bob, until);
  await again();
  expect((await send(bob, "a")).body.code).toBe("muted");
  expect(await shown(bob)).toBe(until);
  expect(updates()).toEqual(Array(2).fill({ roomId: room, uid: bob, mutedUntil: until }));
  const types = chat
    .events(roomStream(room))
    .slice(-2)
    .map(({ type }) => type);
  expect(types).toEqual([Push.MEMBER_CHANGE, Push.MEMBER_UPDATE]);
  chat.clock.advance(60_000);
  await again();
  expect(await shown(bob)).toBeNull();
  expect(updates()).toHaveLength(2);
});

test("IM-95: the new owner is not muted any more, and is told so behind the role", async () => {
  await mute(owner, bob);
  await chat.must(owner, "PUT", `/rooms/${room}/owner`, { uid: bob });
  expect(await shown(bob)).toBeNull();
  expect((await send(bob, "a")).status).toBe(201);
  const last = chat.events(roomStream(room)).findLast(({ type }) => type === Push.MEMBER_UPDATE);
  expect(last?.data).toEqual({ roomId: room, uid: bob, mutedUntil: null });
});

test("IM-92: a mute ends by the clock, though the log's times are a day ahead of it", async () => {
  chat.clock.advance(86_400_000);
  expect((await send(owner, "by a clock that is ahead")).status).toBe(201);
  chat.clock.advance(-86_400_000);
  const until = chat.clock.now() + 60_000;
  expect((await mute(owner, bob, until)).status).toBe(200);
  expect((await send(bob, "a")).body.code).toBe("muted");
  chat.clock.advance(60_000);
  expect((await send(bob, "a")).status).toBe(201);
});
