import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { deleteAccount } from "../identity/accounts-writes.ts";

let chat: ChatFixture;
let ann: number;
let ben: number;
let cem: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
});
afterEach(() => chat.close());

const ask = async (who: number, userId: number) =>
  (await chat.must(who, "POST", "/friend-requests", { userId, text: "it is me" })).id as number;
const accept = (who: number, id: number) => chat.must(who, "POST", `/friend-requests/${id}/accept`);
const list = async (who: number, path: string) => (await chat.must(who, "GET", path)).items;
const told = (who: number) =>
  chat
    .eventsOf(who)
    .filter(({ type }) => type !== Push.MEMBER_CHANGE)
    .map(({ type, data }) => [type, data]);

test("FRD-24: friends and those with open requests are told of a deleted account, and nothing of its contacts stays", async () => {
  const [dan] = (await chat.people(1)) as [number];
  await accept(ben, await ask(ann, ben));
  const made = await ask(ann, cem);
  const got = await ask(dan, ann);
  await chat.must(ann, "PATCH", `/friends/${ben}`, { remark: "Benny" });
  await chat.must(ann, "PUT", `/blocks/${dan}`);
  await chat.scratch.writes.run(deleteAccount, { uid: ann });
  expect(told(ben).at(-1)).toEqual([Push.FRIEND, { uid: ann, change: "removed" }]);
  expect(told(cem).slice(-2)).toEqual([
    [Push.FRIEND, { uid: ann, change: "withdrawn", requestId: made }],
    [Push.SELF, { friendRequests: 0 }],
  ]);
  // The hidden request no longer waits.
  expect(told(dan).at(-1)).toEqual([Push.FRIEND, { uid: ann, change: "withdrawn", requestId: got }]);
  expect([await list(ben, "/friends"), await list(cem, "/friend-requests")]).toEqual([[], []]);
  expect(await list(dan, "/friend-requests")).toEqual([]);
  for (const table of ["friends", "friend_requests", "blocks"] as const) {
    expect(await chat.scratch.db.selectFrom(table).selectAll().execute()).toEqual([]);
  }
  expect((await chat.ask(ben, "POST", "/friend-requests", { userId: ann })).body.code).toBe("unknown_user");
});

test("FRD-24: what somebody asked a deleted account, and was answered, stays theirs; hidden requests are told to nobody", async () => {
  const id = await ask(ben, ann);
  await chat.must(ann, "POST", `/friend-requests/${id}/reject`);
  await chat.must(cem, "PUT", `/blocks/${ann}`);
  await ask(ann, cem);
  const before = told(cem);
  await chat.scratch.writes.run(deleteAccount, { uid: ann });
  expect(told(cem)).toEqual(before);
  expect(await list(ben, "/friend-requests")).toMatchObject([{ id, name: "Deleted user", state: "rejected" }]);
  expect(await list(cem, "/blocks")).toMatchObject([{ uid: ann, name: "Deleted user" }]);
});

test("FRD-24: with five thousand friends an account is deleted in one write", async () => {
  const columns = ["uid", "friend_uid", "room_id", "remark", "since"];
  await chat.fill("friends", columns, 5000, (n) => [ann, 900_000 + n, 1, "", 1]);
  await chat.fill("friends", columns, 5000, (n) => [900_000 + n, ann, 1, "", 1]);
  const before = chat.scratch.events.length;
  await chat.scratch.writes.run(deleteAccount, { uid: ann });
  // With the event that tells the nodes.
  expect(chat.scratch.events.length - before).toBe(5001);
  expect(await chat.scratch.db.selectFrom("friends").select("uid").execute()).toEqual([]);
});

test("ID-16, FRD-25: an export has friends with remarks, blocks, and the person's own requests in pages", async () => {
  const [dan] = (await chat.people(1)) as [number];
  await accept(ann, await ask(ben, ann));
  await chat.must(ann, "PATCH", `/friends/${ben}`, { remark: "Benny" });
  const since = chat.clock.now();
  await chat.must(ann, "PUT", `/blocks/${cem}`);
  const id = await ask(ann, dan);
  const exported = await chat.must(ann, "GET", "/me/export");
  expect(exported).toMatchObject({
    friends: [{ uid: ben, remark: "Benny", since }],
    blocks: [{ uid: cem, since }],
    friendRequests: {
      items: [{ id, userId: dan, text: "it is me", state: "open", createdAt: since }],
      nextCursor: null,
    },
  });
  // People who are blocked do not learn of it here, either.
  expect(await chat.must(cem, "GET", "/me/export")).toMatchObject({ friends: [], blocks: [] });
  const insert = ["from_uid", "to_uid", "text", "state", "hidden", "read", "created_at"];
  await chat.fill("friend_requests", insert, 500, (n) => [ann, 900_000 + n, "", "rejected", 0, 0, 1]);
  const ids: number[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { friendRequests } = await chat.must(ann, "GET", `/me/export?requestsCursor=${cursor}`);
    ids.push(...friendRequests.items.map((one: { id: number }) => one.id));
    cursor = friendRequests.nextCursor;
  }
  expect([ids.length, new Set(ids).size]).toEqual([501, 501]);
});
