import { afterEach, beforeEach, expect, test } from "bun:test";
import { HALL_ROOM_ID, Push, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

let chat: ChatFixture;
let owner: number;
let admin: number;
let bob: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [owner, admin, bob] = (await chat.people(3)) as [number, number, number];
  room = await chat.group(owner, [admin, bob]);
  await chat.must(owner, "PUT", `/rooms/${room}/members/${admin}/role`, { role: 2 });
});
afterEach(() => chat.close());

const send = (
  who: number | string,
  mentions: unknown,
  { to = room, clientId = `${crypto.randomUUID()}` as string } = {},
) => {
  const request = { clientId, type: 1, body: { content: "lunch!" }, mentions };
  return chat.ask(who, "POST", `/rooms/${to}/messages`, request);
};

test("IM-10: the owner and admins mention everybody, which is shown as 0 wherever the message is", async () => {
  for (const who of [owner, admin]) {
    const { status, body } = await send(who, "all");
    expect({ status, atUidList: body.message.body.atUidList }).toEqual({ status: 201, atUidList: [0] });
    expect(await chat.must(bob, "GET", `/messages/${body.message.id}`)).toEqual(body);
    const pushed = chat.events(roomStream(room)).findLast(({ type }) => type === Push.MESSAGE);
    expect(pushed?.data).toEqual(body);
  }
});

test("IM-10: from an ordinary member, and from both in a direct room, it is 403", async () => {
  const direct = (await chat.must(owner, "POST", "/rooms/direct", { userId: bob })).id;
  for (const refused of [await send(bob, "all"), await send(owner, "all", { to: direct })]) {
    expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 403, code: "forbidden" });
  }
  expect((await chat.must(bob, "GET", `/rooms/${room}/messages`)).items).toEqual([]);
});

test("IM-10: in the hall administrators of the server may, others may not", async () => {
  expect((await send(bob, "all", { to: HALL_ROOM_ID })).status).toBe(403);
  expect((await send(`admin-${bob}`, "all", { to: HALL_ROOM_ID })).body.message.body.atUidList).toEqual([0]);
});

test("IM-5, IM-10: a repeat is the same message; mentioning nobody, or everybody one by one, is another one", async () => {
  const first = await send(owner, "all", { clientId: "c" });
  expect(await send(owner, "all", { clientId: "c" })).toEqual({ status: 200, body: first.body });
  for (const other of [[], [admin, bob], null]) {
    expect((await send(owner, other, { clientId: "c" })).body.code).toBe("client_id_reused");
  }
});

test("IM-10: anything else than ids or all is 400", async () => {
  for (const mentions of ["everybody", [0], ["all"], [bob, "all"], 0, {}, Array(51).fill(bob)]) {
    const { status, body } = await send(owner, mentions);
    expect({ status, code: body.code, path: body.errors[0].path }).toEqual({
      status: 400,
      code: "invalid",
      path: expect.stringMatching(/^mentions/),
    });
    expect(body.errors[0].message).toMatch(/list of user ids, or "all"|at most 50|whole number from 1/);
  }
});
