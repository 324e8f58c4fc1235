import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { deleteAccount } from "./accounts-writes.ts";
import { Internal } from "./internal-events.ts";
import { noteSeen } from "./logins-upkeep.ts";
import { createLogin, discardLogin, type MadeLogin, revokeAllLogins, revokeLogin } from "./logins-writes.ts";
import { refreshLogin } from "./refresh-writes.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob] = (await chat.people(2)) as [number, number];
});
afterEach(() => chat.close());

const login = (uid: number, tokenHash: string) => ({
  ...{ uid, tokenHash, ip: "203.0.113.9" },
  ...{ userAgent: "test", via: "password" as const },
});
/** All in one batch, since they are asked in one turn. */
const signIn = (...asked: [number, string][]) =>
  Promise.allSettled(asked.map(([uid, hash]) => chat.scratch.writes.run(createLogin, login(uid, hash))));
async function signedIn(uid: number, ...hashes: string[]): Promise<number[]> {
  const outcomes = await signIn(...hashes.map((hash): [number, string] => [uid, hash]));
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<MadeLogin>).value.loginId);
}
const refresh = (...asked: [string, string | undefined][]) =>
  Promise.allSettled(
    asked.map(([presentedHash, tokenHash]) => chat.scratch.writes.run(refreshLogin, { presentedHash, tokenHash })),
  );
const tokens = async () => {
  const rows = await chat.scratch.db
    .selectFrom("logins")
    .select(["token_hash", "previous_hash"])
    .orderBy("id")
    .execute();
  return rows.map(({ token_hash, previous_hash }) => [token_hash, previous_hash]);
};
const ended = () =>
  chat.scratch.events
    .filter(({ type }) => type === Internal.LOGINS_REVOKED)
    .map(({ data }) => JSON.parse(data).loginIds as number[]);
const UNAUTHORIZED = { status: "rejected", reason: { code: "unauthorized" } };
const NOT_FOUND = { status: "rejected", reason: { code: "not_found" } };

test("a batch signs in several people and one of them twice; a deleted account fails alone", async () => {
  const [gone] = (await chat.people(1)) as [number];
  await chat.scratch.writes.run(deleteAccount, { uid: gone });
  const outcomes = await signIn([ann, "a"], [gone, "b"], [ann, "c"], [bob, "d"]);
  expect(outcomes).toMatchObject([
    { value: { loginId: 1, user: { uid: ann } } },
    UNAUTHORIZED,
    { value: { loginId: 2, user: { uid: ann } } },
    { value: { loginId: 3, user: { uid: bob } } },
  ]);
  expect((await tokens()).map(([hash]) => hash)).toEqual(["a", "c", "d"]);
});

test("ID-12: a batch that gives an account more devices than it may have ends as many of the oldest", async () => {
  const [old = 0] = await signedIn(ann, "old");
  const bobs = await signedIn(bob, "bob's");
  chat.clock.advance(1);
  await signedIn(ann, ...Array.from({ length: 98 }, (_, n) => `n${n}`));
  expect(ended()).toEqual([]);
  chat.clock.advance(1);
  const [, second = 0] = await signedIn(ann, "x", "y", "z");
  expect(second).toBeGreaterThan(0);
  const [gone = []] = ended();
  expect(ended()).toHaveLength(1);
  expect(gone).toHaveLength(2);
  expect(gone).toContain(old);
  const left = (await tokens()).map(([hash]) => hash);
  expect(left).toHaveLength(100 + bobs.length);
  expect(left).toEqual(expect.arrayContaining(["x", "y", "z", "bob's"]));
});

test("ID-12: a device that was used lately stays, however long ago it signed in", async () => {
  const [old = 0, other = 0] = await signedIn(ann, "old", "other");
  chat.clock.advance(1);
  await signedIn(ann, ...Array.from({ length: 98 }, (_, n) => `n${n}`));
  chat.clock.advance(1);
  await chat.scratch.writes.run(noteSeen, { loginIds: [old], uids: [ann] });
  await signedIn(ann, "x");
  expect(ended()).toEqual([[other]]);
});

test("ID-12: devices of several people in one batch count for each person alone", async () => {
  const sixty = (uid: number) => Array.from({ length: 60 }, (_, n): [number, string] => [uid, `${uid} ${n}`]);
  await signIn(...sixty(ann), ...sixty(bob));
  expect([(await tokens()).length, ended()]).toEqual([120, []]);
});

test("ID-12: of logins of the same moment the ones made first end", async () => {
  const ids = await signedIn(ann, ...Array.from({ length: 103 }, (_, n) => `n${n}`));
  expect(ended().map((loginIds) => loginIds.sort((a, b) => a - b))).toEqual([ids.slice(0, 3)]);
});

test("ID-11: refreshes of one login in one batch follow each other, and those of others do not matter", async () => {
  await signedIn(ann, "a1");
  await signedIn(bob, "b1");
  const outcomes = await refresh(["a1", "a2"], ["nothing", "n"], ["b1", "b2"], ["a1", "a3"], ["a2", "a4"]);
  expect(outcomes).toMatchObject([
    { value: { user: { uid: ann } } },
    UNAUTHORIZED,
    { value: { user: { uid: bob } } },
    { value: { user: { uid: ann } } },
    UNAUTHORIZED,
  ]);
  expect(await tokens()).toEqual([
    ["a3", "a1"],
    ["b2", "b1"],
  ]);
});

test("ID-21: a login whose token is kept lives 30 days from then, whichever of its tokens was presented", async () => {
  await signedIn(ann, "a1");
  await signedIn(bob, "b1");
  await refresh(["b1", "b2"]);
  chat.clock.advance(60_000);
  const kept = { value: { expiresAt: chat.clock.now() + 30 * 86_400_000 } };
  expect(await refresh(["a1", undefined], ["b1", undefined], ["b2", undefined], ["n", undefined])).toMatchObject([
    kept,
    kept,
    kept,
    UNAUTHORIZED,
  ]);
  expect(await tokens()).toEqual([
    ["a1", null],
    ["b2", "b1"],
  ]);
  // The one before the last refresh lives no longer for it.
  chat.clock.advance(4 * 60_000);
  expect(await refresh(["b1", undefined], ["a1", undefined])).toMatchObject([UNAUTHORIZED, { status: "fulfilled" }]);
  chat.clock.advance(30 * 86_400_000);
  expect(await refresh(["a1", undefined])).toMatchObject([UNAUTHORIZED]);
});

test("ID-11: the new token of a refresh holds for the rest of the batch", async () => {
  await signedIn(ann, "a1");
  const outcomes = await refresh(["a1", "a2"], ["a2", "a3"], ["a1", "a4"]);
  expect(outcomes).toMatchObject([{ status: "fulfilled" }, { status: "fulfilled" }, UNAUTHORIZED]);
  expect(await tokens()).toEqual([["a3", "a2"]]);
});

test("ID-11: the five minutes of a token are counted from its first refresh", async () => {
  await signedIn(ann, "a1");
  await refresh(["a1", "a2"]);
  chat.clock.advance(5 * 60_000 - 1);
  expect(await refresh(["a1", "a3"])).toMatchObject([{ status: "fulfilled" }]);
  chat.clock.advance(1);
  expect(await refresh(["a1", "a4"], ["a3", "a5"])).toMatchObject([UNAUTHORIZED, { status: "fulfilled" }]);
  expect(await tokens()).toEqual([["a5", "a3"]]);
});

test("ID-11: a login that has expired is not refreshed, a moment before it is", async () => {
  await signedIn(ann, "a");
  await signedIn(bob, "b");
  chat.clock.advance(30 * 86_400_000 - 1);
  expect(await refresh(["a", "a2"])).toMatchObject([{ status: "fulfilled" }]);
  const seen = chat.scratch.db.selectFrom("logins").select("last_seen_at").where("uid", "=", ann);
  expect(await seen.execute()).toEqual([{ last_seen_at: chat.clock.now() }]);
  chat.clock.advance(1);
  expect(await refresh(["b", "b2"], ["a2", "a3"])).toMatchObject([UNAUTHORIZED, { status: "fulfilled" }]);
});

test("ID-13: a login that is named twice in a batch ends once; another's is not found", async () => {
  const { writes } = chat.scratch;
  const [first = 0, second = 0] = await signedIn(ann, "a", "b");
  const [bobs = 0] = await signedIn(bob, "c");
  const asked = [
    [ann, first],
    [ann, first],
    [bob, second],
    [bob, bobs],
  ] as const;
  const outcomes = await Promise.allSettled(asked.map(([uid, loginId]) => writes.run(revokeLogin, { uid, loginId })));
  expect(outcomes).toMatchObject([{ status: "fulfilled" }, NOT_FOUND, NOT_FOUND, { status: "fulfilled" }]);
  expect(await tokens()).toEqual([["b", null]]);
  expect(ended()).toEqual([[first], [bobs]]);
});

test("a login that nobody collected ends once, and only as its user's", async () => {
  const { writes } = chat.scratch;
  const [first = 0, second = 0] = await signedIn(ann, "a", "b");
  const asked = [
    { uid: ann, loginId: first },
    { uid: bob, loginId: second },
    { uid: ann, loginId: first },
  ];
  await Promise.all(asked.map((one) => writes.run(discardLogin, one)));
  await writes.run(discardLogin, { uid: ann, loginId: first });
  expect(await tokens()).toEqual([["b", null]]);
  expect(ended()).toEqual([[first]]);
});

test("ID-13: whole accounts are signed out in one batch, told by an event for each", async () => {
  const anns = await signedIn(ann, "a", "b", "c");
  const bobs = await signedIn(bob, "d");
  const { writes } = chat.scratch;
  await Promise.all([ann, bob, ann].map((uid) => writes.run(revokeAllLogins, { uid })));
  expect(ended()).toEqual([anns, bobs]);
  expect(await tokens()).toEqual([]);
});

test("each kind takes as many statements with 64 inputs as with one", async () => {
  let made = 0;
  const uids = [ann, bob, ...(await chat.people(62))];
  const some = <T>(count: number, input: (n: number) => T) => Array.from({ length: count }, (_, n) => input(n));
  const uidOf = (n: number) => uids[n % 64] as number;
  const counts = async (work: (count: number) => Promise<number>) => [await work(1), await work(64)] as const;

  const [one, many] = await counts((count) =>
    chat.statements((tx) =>
      createLogin(
        tx,
        some(count, (n) => login(uidOf(n), `t${made++}`)),
      ),
    ),
  );
  expect(one).toBe(6);
  expect(many).toBe(one);
  // Tokens t0 to t64, logins 1 to 65; each below takes others than the one before.
  const refreshes = await counts((count) =>
    chat.statements((tx) =>
      refreshLogin(
        tx,
        some(count, (n) => ({ presentedHash: `t${n}`, tokenHash: `r${made++}` })),
      ),
    ),
  );
  expect(refreshes[1]).toBe(refreshes[0]);
  const seen = await counts((count) =>
    chat.statements((tx) =>
      noteSeen(
        tx,
        some(count, (n) => ({ loginIds: [n], uids: [uidOf(n)] })),
      ),
    ),
  );
  expect(seen).toEqual([2, 2]);
  const own = (n: number) => ({ uid: uidOf(n), loginId: n + 2 });
  const revoked = [
    await chat.statements((tx) => revokeLogin(tx, [own(0)])),
    await chat.statements((tx) =>
      revokeLogin(
        tx,
        some(20, (n) => own(n + 1)),
      ),
    ),
  ];
  expect(revoked[1]).toBe(revoked[0] as number);
  const discarded = [
    await chat.statements((tx) => discardLogin(tx, [own(30)])),
    await chat.statements((tx) =>
      discardLogin(
        tx,
        some(20, (n) => own(n + 31)),
      ),
    ),
  ];
  expect(discarded[1]).toBe(discarded[0] as number);
  const all = [
    await chat.statements((tx) => revokeAllLogins(tx, [{ uid: uidOf(60) }])),
    await chat.statements((tx) =>
      revokeAllLogins(
        tx,
        some(64, (n) => ({ uid: uidOf(n) })),
      ),
    ),
  ];
  expect(all[1]).toBe(all[0] as number);
  expect(await tokens()).toEqual([]);
});
