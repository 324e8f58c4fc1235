import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

let chat: ChatFixture;
let ann: number;
let ben: number;
let cem: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
});
afterEach(() => chat.close());

async function befriend(a: number, b: number): Promise<number> {
  const { id } = await chat.must(a, "POST", "/friend-requests", { userId: b });
  await chat.must(b, "POST", `/friend-requests/${id}/accept`);
  return (await chat.must(a, "GET", "/friends")).items.find(({ uid }: { uid: number }) => uid === b).roomId;
}
const friends = async (who: number) => (await chat.must(who, "GET", "/friends")).items;
const told = (who: number) =>
  chat
    .eventsOf(who)
    .filter(({ type }) => type === Push.FRIEND)
    .map(({ data }) => data);
const call = (who: number, friend: number, remark: string) => chat.ask(who, "PATCH", `/friends/${friend}`, { remark });

test("FRD-20: friends are listed by uid, each once over all pages, with names, rooms and who is online", async () => {
  const others = await chat.people(4);
  for (const other of others.toReversed()) await befriend(ann, other);
  for (const limit of [1, 2, 3, 100]) {
    const pages = await chat.pages<{ uid: number }>(ann, `/friends?limit=${limit}`);
    expect(pages.flat().map(({ uid }) => uid)).toEqual(others);
  }
  const { asOf } = await chat.must(ann, "GET", "/friends");
  expect(asOf).toBe(`${chat.scratch.epoch};*@${chat.scratch.events.at(-1)?.pos}`);
  chat.context.presence.attached(others[0] as number);
  const at = chat.clock.now();
  expect((await friends(ann)).slice(0, 2)).toMatchObject([
    { uid: others[0], activeStatus: 1, lastOptTime: at },
    { uid: others[1], activeStatus: 2, lastOptTime: null },
  ]);
});

test("FRD-21: a remark is told only to the person's own devices, and not if nothing changes", async () => {
  await befriend(ann, ben);
  const before = told(ben);
  expect(await call(ann, ben, " Benny ")).toEqual({ status: 200, body: { uid: ben, remark: "Benny" } });
  expect(told(ann).at(-1)).toEqual({ uid: ben, change: "remark", remark: "Benny" });
  const after = told(ann);
  await call(ann, ben, "Benny");
  expect([told(ann), told(ben)]).toEqual([after, before]);
  expect([await friends(ann), await friends(ben)]).toMatchObject([[{ remark: "Benny" }], [{ remark: "" }]]);
  expect(await call(ann, ben, "")).toMatchObject({ body: { remark: "" } });
  expect((await call(ann, ben, "x".repeat(65))).body.code).toBe("invalid");
  expect((await call(ann, ben, "a\u202eb")).body.code).toBe("invalid");
  expect((await call(ann, cem, "who?")).body.code).toBe("not_found");
});

test("FRD-22: a friendship ends for both; nothing changes for people who are not friends, and the room stays", async () => {
  const roomId = await befriend(ann, ben);
  await call(ann, ben, "Benny");
  const before = chat.scratch.events.length;
  expect((await chat.ask(ben, "DELETE", `/friends/${cem}`)).status).toBe(204);
  expect((await chat.ask(ben, "DELETE", `/friends/${ben}`)).status).toBe(204);
  expect(chat.scratch.events).toHaveLength(before);
  expect((await chat.ask(ben, "DELETE", `/friends/${ann}`)).status).toBe(204);
  expect(told(ann).at(-1)).toEqual({ uid: ben, change: "removed" });
  expect(told(ben).at(-1)).toEqual({ uid: ann, change: "removed" });
  expect([await friends(ann), await friends(ben)]).toEqual([[], []]);
  await chat.say(ann, roomId, "still here");
  // Friends again, by a new request; nothing of the old friendship is left.
  expect(await befriend(ann, ben)).toBe(roomId);
  expect(await friends(ann)).toMatchObject([{ uid: ben, remark: "" }]);
});

test("FRD-23: a person has at most 5 000 friends; the refusal names those who have", async () => {
  const { id } = await chat.must(ann, "POST", "/friend-requests", { userId: ben });
  // A table full of people costs a minute by requests.
  await chat.fill("friends", ["uid", "friend_uid", "room_id", "remark", "since"], 5000, (n) => [
    ann,
    900_000 + n,
    1,
    "",
    1,
  ]);
  const refused = await chat.ask(ben, "POST", `/friend-requests/${id}/accept`);
  expect(refused.body).toMatchObject({ code: "too_many_friends", userIds: [ann] });
  expect(await friends(ben)).toEqual([]);
  await chat.must(ann, "DELETE", "/friends/900003");
  expect((await chat.ask(ben, "POST", `/friend-requests/${id}/accept`)).status).toBe(200);
});
