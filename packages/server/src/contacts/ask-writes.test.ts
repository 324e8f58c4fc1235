import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { askFriend } from "./ask-writes.ts";

let chat: ChatFixture;
beforeEach(async () => {
  chat = await ChatFixture.open();
});
afterEach(() => chat.close());

const codes = (asks: readonly { uid: number; userId: number }[]) =>
  Promise.all(
    asks.map((ask) =>
      chat.scratch.writes.run(askFriend, { ...ask, text: "" }).then(
        ({ created, request }) => (created ? "created" : request.state),
        (error: { code?: string }) => error.code,
      ),
    ),
  );
const told = (who: number) =>
  chat
    .eventsOf(who)
    .filter(({ type }) => type === Push.APPLY || type === Push.FRIEND)
    .map(({ type, data }) => data.change ?? type);

test("many who ask at once cost as many statements as one, and one for each row", async () => {
  const people = await chat.people(42);
  const asks = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({
      uid: people[from + 2 * n] as number,
      userId: people[from + 2 * n + 1] as number,
      text: "",
    }));
  // However far away the database is.
  const statements = (from: number, count: number) =>
    chat.statements((tx) => askFriend({ ...tx, roundTrips: () => 0 }, asks(from, count)));
  // Prepares what is prepared once.
  await statements(40, 1);
  const one = await statements(0, 1);
  const many = await statements(2, 19);
  expect(many - one).toBe(18);
});

test("PG-12: of those who ask while the lock has been held for long, one is answered, and the rest is left", async () => {
  const [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
  const asks = [ben, cem].map((userId) => ({ uid: ann, userId, text: "" }));
  const answers: unknown[] = [];
  await chat.statements(async (tx) => answers.push(...(await askFriend({ ...tx, roundTrips: () => 4 }, asks))));
  expect(answers).toMatchObject([{ ok: true, value: { created: true } }]);
  expect(await chat.scratch.db.selectFrom("friend_requests").select("to_uid").execute()).toEqual([{ to_uid: ben }]);
});

test("FRD-3, FRD-5: asks of one batch see each other, and events stand in their order", async () => {
  const [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
  const outcomes = await codes([
    { uid: ann, userId: ben },
    { uid: ann, userId: ben },
    { uid: cem, userId: ben },
    { uid: ben, userId: ann },
    { uid: ann, userId: ben },
    { uid: ben, userId: ann },
    { uid: cem, userId: cem },
  ]);
  expect(outcomes).toEqual([
    "created",
    "open",
    "created",
    "accepted",
    "already_friends",
    "already_friends",
    "own_account",
  ]);
  expect(told(ann)).toEqual(["requested", "accepted"]);
  expect(told(ben)).toEqual([Push.APPLY, "requested", Push.APPLY, "requested", "accepted"]);
});

test("FRD-10: the cap holds within one batch, and a request that is accepted in it makes room", async () => {
  const [ann, ...others] = (await chat.people(103)) as [number, ...number[]];
  const asks = others.slice(0, 101).map((userId) => ({ uid: ann, userId }));
  const outcomes = await codes(asks);
  expect([outcomes.filter((code) => code === "created").length, outcomes[100]]).toEqual([
    100,
    "too_many_requests_open",
  ]);
  const after = await codes([
    { uid: ann, userId: others[101] as number },
    { uid: others[0] as number, userId: ann },
    { uid: ann, userId: others[101] as number },
  ]);
  expect(after).toEqual(["too_many_requests_open", "accepted", "created"]);
});

test("FRD-10, BLK-2: a request that was hidden is shown only where it is one of a hundred", async () => {
  const [ann, ben, ...others] = (await chat.people(102)) as [number, number, ...number[]];
  await chat.must(ann, "PUT", `/blocks/${ben}`);
  expect(await codes([{ uid: ben, userId: ann }])).toEqual(["created"]);
  await chat.must(ann, "DELETE", `/blocks/${ben}`);
  await codes(others.map((uid) => ({ uid, userId: ann })));
  const waiting = async () => (await chat.must(ann, "GET", "/unread")).friendRequests;
  expect([await codes([{ uid: ben, userId: ann }]), await waiting()]).toEqual([["open"], 100]);
  const { items } = await chat.must(ann, "GET", "/friend-requests?limit=1");
  await chat.must(ann, "POST", `/friend-requests/${items[0].id}/reject`);
  expect([await codes([{ uid: ben, userId: ann }]), await waiting()]).toEqual([["open"], 100]);
  expect(told(ann).at(-1)).toBe("requested");
});
