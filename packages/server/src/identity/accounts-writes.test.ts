import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import type { ProblemError } from "../lib/problem.ts";
import { createAccount, deleteAccount } from "./accounts-writes.ts";
import { addUser } from "./admin-writes.ts";
import { Internal } from "./internal-events.ts";
import { changeProfile, type ProfileChange } from "./profile-writes.ts";

let chat: ChatFixture;
beforeEach(async () => {
  chat = await ChatFixture.open();
});
afterEach(() => chat.close());

let made = 0;
const account = (name: string) => ({
  ...{ name, passwordHash: `hash of ${name}`, tokenHash: `token ${made++}` },
  ...{ ip: "203.0.113.9", userAgent: 'a "device"' },
});
/** All in one batch, since they are asked in one turn. */
const create = (...names: string[]) =>
  Promise.allSettled(names.map((name) => chat.scratch.writes.run(createAccount, account(name))));
const change = (...changes: ProfileChange[]) =>
  Promise.allSettled(changes.map((one) => chat.scratch.writes.run(changeProfile, one)));
const people = async () => {
  const rows = await chat.scratch.db
    .selectFrom("users")
    .select(["uid", "name", "name_key", "avatar"])
    .where("uid", ">", 1)
    .orderBy("uid")
    .execute();
  return rows.map(({ uid, name, name_key, avatar }) => [uid, name, name_key, avatar]);
};
const TAKEN = { status: "rejected", reason: { code: "name_taken" } };

test("ID-4: of several accounts of one name in a batch the first is made, and the others fail alone", async () => {
  await create("ada");
  const outcomes = await create("bob", "ADA", "BOB", "cem", "bob");
  expect(outcomes).toMatchObject([
    { value: { user: { uid: 20_001, name: "bob", power: 0 }, loginId: 2 } },
    TAKEN,
    TAKEN,
    { value: { user: { uid: 20_002, name: "cem" }, loginId: 3 } },
    TAKEN,
  ]);
  expect((await people()).map(([uid, name]) => [uid, name])).toEqual([
    [20_000, "ada"],
    [20_001, "bob"],
    [20_002, "cem"],
  ]);
  const logins = await chat.scratch.db.selectFrom("logins").select(["uid", "ip", "user_agent", "via"]).execute();
  const device = { ip: "203.0.113.9", user_agent: 'a "device"', via: "password" as const };
  expect(logins).toEqual([20_000, 20_001, 20_002].map((uid) => ({ uid, ...device })));
});

test("ID-4: the names that the server shows itself are nobody's, whoever asks for them", async () => {
  expect(await create("Deleted user", "DELETED USER", "deleted user\u200d", "Deleted users")).toMatchObject([
    ...[TAKEN, TAKEN, TAKEN],
    { status: "fulfilled" },
  ]);
});

test("ID-4: an account of one kind of write takes the name from another kind in the same batch", async () => {
  const { writes } = chat.scratch;
  const [byOperator, byThemselves, renamed] = await Promise.allSettled([
    writes.run(addUser, { name: "root", passwordHash: "x", power: 1 }),
    writes.run(createAccount, account("Root")),
    writes.run(changeProfile, { uid: 20_000, name: "ROOT", avatar: "a.png" }),
  ]);
  expect(byOperator).toMatchObject({ value: { uid: 20_000, name: "root", power: 1 } });
  expect(byThemselves).toMatchObject(TAKEN);
  expect(renamed).toMatchObject({ value: { name: "ROOT", avatar: "a.png" } });
});

test("ID-4: a name that is given up in a batch is free for the next one, also in a circle", async () => {
  await create("ada", "bob");
  const outcomes = await change(
    { uid: 20_001, name: "Ada" },
    { uid: 20_000, name: "cem" },
    { uid: 20_001, name: "Ada" },
    { uid: 20_000, name: "bob" },
    { uid: 20_000, avatar: "a.png" },
    { uid: 20_999, name: "nobody" },
  );
  expect(outcomes).toMatchObject([
    TAKEN,
    { value: { uid: 20_000, name: "cem" } },
    { value: { uid: 20_001, name: "Ada" } },
    { value: { uid: 20_000, name: "bob", avatar: "" } },
    { value: { uid: 20_000, name: "bob", avatar: "a.png" } },
    { reason: { code: "not_found" } },
  ]);
  expect(await people()).toEqual([
    [20_000, "bob", "bob", "a.png"],
    [20_001, "Ada", "ada", ""],
  ]);
  const changed = chat.scratch.events.filter(({ type }) => type === Internal.USER_CHANGED);
  expect(changed.map(({ data }) => JSON.parse(data).uid)).toEqual([20_000, 20_001, 20_000, 20_000]);
});

test("ID-4: a name that is written in another way still belongs to its person, even for the rest of the batch", async () => {
  await create("ada", "bob");
  const outcomes = await change(
    { uid: 20_000, name: "ADA" },
    { uid: 20_001, name: "ada" },
    { uid: 20_000, name: "Ada" },
  );
  expect(outcomes).toMatchObject([{ value: { name: "ADA" } }, TAKEN, { value: { name: "Ada" } }]);
});

test("IM-73: a new account has read the hall up to its end", async () => {
  const [ann] = (await chat.people(1)) as [number];
  for (const text of ["one", "two"]) await chat.say(ann, 1, text);
  await create("bob");
  const places = chat.scratch.db.selectFrom("room_reads").select(["room_id", "read_seq", "read_no"]);
  expect(await places.where("uid", "=", ann + 1).execute()).toEqual([{ room_id: 1, read_seq: 2, read_no: 2 }]);
});

test("ID-19: an account that was deleted already is left as it is, and nobody is told again", async () => {
  const [ann] = (await chat.people(1)) as [number];
  await chat.scratch.writes.run(deleteAccount, { uid: ann });
  const rows = () => chat.scratch.db.selectFrom("users").selectAll().where("uid", "=", ann).execute();
  const [before, { length }] = [await rows(), chat.scratch.events];
  chat.clock.advance(1);
  await chat.scratch.writes.run(deleteAccount, { uid: ann });
  expect([await rows(), chat.scratch.events.length]).toEqual([before, length]);
});

test("ID-19: of the groups that stand in the way ten are named, and where there are more that is said", async () => {
  const [ann] = (await chat.people(1)) as [number];
  const groups: number[] = [];
  for (let count = 0; count < 10; count++) groups.push(await chat.group(ann));
  const refusal = () => chat.scratch.writes.run(deleteAccount, { uid: ann }).catch((error: ProblemError) => error);
  const message = `First transfer or dissolve the groups that you own: ${groups.join(", ")}`;
  expect(await refusal()).toMatchObject({ code: "owner_cannot_leave", message, extra: { roomIds: groups } });
  await chat.group(ann);
  expect(await refusal()).toMatchObject({ message: `${message} and more`, extra: { roomIds: groups } });
});

test("100 accounts and 100 new names take as many statements as one", async () => {
  const accounts = (count: number) => Array.from({ length: count }, (_, n) => account(`p${made} ${n}`));
  const one = await chat.statements((tx) => createAccount(tx, accounts(1)));
  expect(one).toBe(14);
  expect(await chat.statements((tx) => createAccount(tx, accounts(100)))).toBe(one);
  const names = (count: number, name: string) =>
    Array.from({ length: count }, (_, n) => ({ uid: 20_000 + n, name: `${name} ${n}` }));
  const oneName = await chat.statements((tx) => changeProfile(tx, names(1, "a")));
  expect(await chat.statements((tx) => changeProfile(tx, names(100, "b")))).toBe(oneName);
});
