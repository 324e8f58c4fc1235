import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Kysely } from "kysely";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { noteAct, OPERATOR } from "../audit/audit-writes.ts";
import { adapterOf } from "../db/own-adapter.ts";
import * as operator from "../identity/admin-actions.ts";
import { Passwords } from "../identity/passwords.ts";
import { addKey, revokeKey } from "../keys/key-actions.ts";
import { CAPS } from "../limits/caps.ts";
import type { ListedAct } from "./audit-actions.ts";

let chat: ChatFixture;
let root: number;
let admin: string;
beforeAll(async () => {
  chat = await ChatFixture.open();
  [root] = (await chat.people(1)) as [number];
  admin = `admin-${root}`;
});
afterAll(() => chat.close());
beforeEach(() => chat.statements((tx) => tx.db.deleteFrom("audit").execute()));

const acts = async (): Promise<ListedAct[]> => (await chat.must(admin, "GET", "/admin/audit?limit=100")).items;
/** Oldest first, without what differs from run to run. */
const told = async () =>
  (await acts()).reverse().map(({ uid, act, target, before, after }) => [uid, act, target, before, after]);

test("ADM-4: what an administrator does is noted: who, what, when, from where, before and after", async () => {
  const [ann] = (await chat.people(1)) as [number];
  const until = chat.clock.now() + 1000;
  await chat.must(admin, "PUT", `/admin/bans/users/${ann}`, { reason: "first" });
  await chat.must(admin, "PUT", `/admin/bans/users/${ann}`, { until, reason: "second" });
  await chat.must(admin, "DELETE", `/admin/bans/users/${ann}`);
  await chat.must(admin, "PUT", "/admin/bans/ips/203.0.113.9%2F24", { reason: "flood" });
  await chat.must(admin, "DELETE", "/admin/bans/ips/203.0.113.0%2F24");
  const first = { until: null, reason: "first" };
  const second = { until, reason: "second" };
  const flood = { until: null, reason: "flood" };
  expect(await told()).toEqual([
    [root, "user.ban", `${ann}`, null, first],
    [root, "user.ban", `${ann}`, first, second],
    [root, "user.unban", `${ann}`, second, null],
    [root, "addresses.ban", "203.0.113.0/24", null, flood],
    [root, "addresses.unban", "203.0.113.0/24", flood, null],
  ]);
  const [newest] = await acts();
  expect(newest).toMatchObject({ at: chat.clock.now(), ip: `10.9.0.${root % 256}`, name: `p${root}` });
});

test("ADM-4: what is refused, and what changes nothing, is not noted", async () => {
  const [ann] = (await chat.people(1)) as [number];
  await chat.ask(admin, "PUT", `/admin/bans/users/${root}`);
  await chat.ask(admin, "PUT", "/admin/bans/users/99999");
  await chat.ask(admin, "PUT", `/admin/bans/users/${ann}`, { until: 1 });
  await chat.ask(admin, "PUT", "/admin/bans/ips/127.0.0.1");
  await chat.must(admin, "DELETE", `/admin/bans/users/${ann}`);
  await chat.must(admin, "DELETE", "/admin/bans/ips/203.0.113.7");
  await chat.ask(admin, "DELETE", "/admin/keys/999");
  expect(await acts()).toEqual([]);
});

test("ADM-4, ADM-5: server keys by an administrator, of which no line has the key", async () => {
  const { id, key } = await chat.must(admin, "POST", "/admin/keys", { name: "shop", scopes: ["feed"], rate: 5 });
  await chat.must(admin, "DELETE", `/admin/keys/${id}`);
  const was = { id, scopes: ["feed"], expiresAt: null, rate: 5, recipientsRate: null, allRate: null };
  expect(await told()).toEqual([
    [root, "key.add", "shop", null, was],
    [root, "key.revoke", "shop", was, null],
  ]);
  const rows = await chat.scratch.db.selectFrom("audit").selectAll().execute();
  expect(JSON.stringify(rows)).not.toContain(key.slice(3));
});

test("ADM-4: what operators do on the command line is noted as theirs, and no line has a password or its hash", async () => {
  const context = { ...chat.scratch, passwords: new Passwords() };
  const password = "a long password";
  const { uid } = await operator.addAccount(context, { name: "newcomer", password, power: 0 });
  await operator.setAccount(context, { name: "newcomer", power: 1 });
  await operator.setAccount(context, { name: "newcomer", password: "another password" });
  await operator.disableAccount(context, "newcomer");
  await operator.enableAccount(context, "newcomer");
  await operator.removeAccount(context, "newcomer");
  const { id } = await addKey(chat.scratch, { name: "cli", scopes: ["users"], expiresAt: null, rate: null });
  await revokeKey(chat.scratch, "cli");
  const rates = { rate: null, recipientsRate: null, allRate: null };
  const key = { id, scopes: ["users"], expiresAt: null, ...rates };
  expect(await told()).toEqual([
    [null, "user.add", `${uid}`, null, { power: 0 }],
    [null, "user.set", `${uid}`, { power: 0 }, { power: 1 }],
    [null, "user.set", `${uid}`, null, { newPassword: true }],
    [null, "user.disable", `${uid}`, null, null],
    [null, "user.enable", `${uid}`, null, null],
    [null, "user.delete", `${uid}`, null, null],
    [null, "key.add", "cli", null, key],
    [null, "key.revoke", "cli", key, null],
  ]);
  const rows = await chat.scratch.db.selectFrom("audit").selectAll().execute();
  for (const secret of [password, "another password", "argon2", "newcomer"]) {
    expect(JSON.stringify(rows)).not.toContain(secret);
  }
  expect(rows.every(({ ip, uid: by }) => ip === "" && by === null)).toBe(true);
}, 20_000);

test("ADM-4: pages show each act once, the newest first", async () => {
  await chat.statements(async (tx) => {
    for (let n = 0; n < 25; n++) await noteAct(tx, OPERATOR, { act: "user.set", target: `${n}` });
  });
  const first = await chat.must(admin, "GET", "/admin/audit?limit=10");
  expect(first.items.map(({ target }: ListedAct) => target)).toEqual(Array.from({ length: 10 }, (_, n) => `${24 - n}`));
  const seen = [...first.items];
  for (let cursor = first.nextCursor; cursor !== null; ) {
    const page = await chat.must(admin, "GET", `/admin/audit?limit=10&cursor=${cursor}`);
    seen.push(...page.items);
    cursor = page.nextCursor;
  }
  expect(seen.map(({ target }: ListedAct) => target)).toEqual(Array.from({ length: 25 }, (_, n) => `${24 - n}`));
  expect((await chat.ask(admin, "GET", "/admin/audit?cursor=x")).body.code).toBe("invalid");
});

test("ADM-4: an act is kept for a year, and 100 000 of them", async () => {
  const day = 24 * 3_600_000;
  const note = (target: string) => chat.statements((tx) => noteAct(tx, OPERATOR, { act: "user.set", target }));
  const targets = async () => (await acts()).map(({ target }) => target);
  for (const target of ["1", "2"]) await note(target);
  chat.clock.advance(365 * day);
  await note("3");
  expect(await targets()).toEqual(["3", "2", "1"]);
  chat.clock.advance(1);
  await note("4");
  expect(await targets()).toEqual(["4", "3"]);
  expect(CAPS.auditLines.count).toBe(100_000);
  const [newest] = await acts();
  const last = (newest as ListedAct).id;
  // As if that many had been recorded meanwhile.
  await chat.statements(({ db }) =>
    adapterOf(db).startNumbering(db as unknown as Kysely<unknown>, {
      table: "audit",
      column: "id",
      next: last + 99_999,
    }),
  );
  await note("late");
  await note("one more");
  expect(await targets()).toEqual(["one more", "late"]);
});

test("ADM-4: the removal of what is too old costs as much, however much is kept", async () => {
  const note = () => chat.statements((tx) => noteAct(tx, OPERATOR, { act: "user.set", target: "1" }));
  const few = await note();
  for (let n = 0; n < 30; n++) await note();
  expect(await note()).toBe(few);
});
