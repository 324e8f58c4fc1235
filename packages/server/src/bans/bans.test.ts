import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ALL_STREAM, MUTED_FOR_GOOD, Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { INTERNAL_STREAM, Internal } from "../identity/internal-events.ts";
import { CAPS } from "../limits/caps.ts";
import { endOverdueBans } from "./ban-actions.ts";

let chat: ChatFixture;
let root: number;
let ann: number;
let ben: number;
let admin: string;
beforeAll(async () => {
  chat = await ChatFixture.open();
  chat.scratch.listen((event) => chat.context.addressBans.onEvent(event));
  [root, ann, ben] = (await chat.people(3)) as [number, number, number];
  admin = `admin-${root}`;
  await chat.statements((tx) => tx.db.updateTable("users").set({ power: 1 }).where("uid", "=", root).execute());
});
afterAll(() => chat.close());

const ban = (uid: number, body: object = {}) => chat.ask(admin, "PUT", `/admin/bans/users/${uid}`, body);
const unban = (uid: number) => chat.ask(admin, "DELETE", `/admin/bans/users/${uid}`);
const banIp = (cidr: string, body: object = {}) =>
  chat.ask(admin, "PUT", `/admin/bans/ips/${encodeURIComponent(cidr)}`, body);
const list = async () => (await chat.must(admin, "GET", "/admin/bans")).items;
/** What was logged since, as type and data; the internal stream's too. */
async function logged(act: () => Promise<unknown>): Promise<[number, unknown][]> {
  const before = chat.scratch.events.length;
  await act();
  return chat.scratch.events.slice(before).map(({ type, data }) => [type, JSON.parse(data)]);
}

describe("of a person", () => {
  test("BAN-1, BAN-2: the person's readers are ended, and everybody is told, once", async () => {
    const events = await logged(() => ban(ann, { reason: "spam" }));
    expect(events).toEqual([
      [Internal.PERSON_BANNED, { uid: ann, until: null, reason: "spam" }],
      [Push.BLACK, { uid: ann }],
    ]);
    const streams = chat.scratch.events.slice(-2).map(({ stream }) => stream);
    expect(streams).toEqual([INTERNAL_STREAM, ALL_STREAM]);
    expect(await logged(() => ban(ann, { until: chat.clock.now() + 1000 }))).toEqual([]);
    expect(await logged(() => unban(ann))).toEqual([[Push.UNBLACK, { uid: ann }]]);
    expect(await logged(() => unban(ann))).toEqual([]);
  });

  test("BAN-10: a ban that is there gets the new end and reason, and keeps its place in the list", async () => {
    const first = await ban(ann, { reason: "first" });
    await ban(ben, {});
    const until = chat.clock.now() + 60_000;
    const second = await ban(ann, { until, reason: "second" });
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body).toEqual({ ...first.body, until, reason: "second" });
    expect(first.body).toMatchObject({ uid: ann, cidr: null, until: null, reason: "first", createdBy: root });
    const items = await list();
    expect(items.map(({ uid, name }: { uid: number; name: string }) => [uid, name])).toEqual([
      [ben, `p${ben}`],
      [ann, `p${ann}`],
    ]);
    for (const uid of [ann, ben]) await unban(uid);
    expect(await list()).toEqual([]);
  });

  test("BAN-7: nobody bans themselves, another administrator, the system, or nobody", async () => {
    const [other] = (await chat.people(1)) as [number];
    await chat.statements((tx) => tx.db.updateTable("users").set({ power: 1 }).where("uid", "=", other).execute());
    expect((await ban(root)).body.code).toBe("own_account");
    expect((await ban(other)).body.code).toBe("administrator_protected");
    expect((await ban(1)).body.code).toBe("not_found");
    expect((await ban(99_999)).body.code).toBe("not_found");
    expect(await list()).toEqual([]);
  });

  test.each([
    [{ until: 0 }, "until"],
    [{ until: -1 }, "until"],
    [{ until: 1.5 }, "until"],
    [{ until: "soon" }, "until"],
    [{ until: MUTED_FOR_GOOD + 1 }, "until"],
    [{ reason: "x".repeat(201) }, "reason"],
    [{ reason: "two\nlines" }, "reason"],
    [{ reason: null }, "reason"],
    [{ untill: null }, "untill"],
  ])("BAN-1: %j is 400 and says which field", async (body, path) => {
    const { status, body: problem } = await ban(ann, body);
    expect([status, problem.errors?.[0]?.path]).toEqual([400, path]);
    expect(await list()).toEqual([]);
  });

  test("BAN-1: 200 code points are a reason, and a body may be left out", async () => {
    expect((await ban(ann, { reason: "😀".repeat(200) })).body.reason).toBe("😀".repeat(200));
    const bare = await chat.ask(admin, "PUT", `/admin/bans/users/${ann}`);
    expect(bare.body).toMatchObject({ until: null, reason: "" });
    await unban(ann);
  });

  test("BAN-1: one of the product's own tokens from before the ban does not count afterwards", async () => {
    await ban(ann);
    await unban(ann);
    const row = await chat.scratch.db
      .selectFrom("users")
      .select("tokens_not_before as since")
      .where("uid", "=", ann)
      .executeTakeFirst();
    expect(row?.since).toBe(chat.clock.now());
  });
});

describe("that ends by itself", () => {
  const end = () => endOverdueBans(chat.context);

  test("BAN-5: at its moment and not before, with UNBLACK", async () => {
    await ban(ann, { until: chat.clock.now() + 5000 });
    await ban(ben);
    await banIp("203.0.113.7", { until: chat.clock.now() + 5000 });
    chat.clock.advance(4999);
    expect(await logged(end)).toEqual([]);
    expect(chat.context.addressBans.refusal("203.0.113.7")).toBeDefined();
    chat.clock.advance(1);
    expect(await logged(end)).toEqual([
      [Push.UNBLACK, { uid: ann }],
      [Internal.ADDRESSES_BANNED, { cidr: "203.0.113.7/32", ban: null }],
    ]);
    expect(chat.context.addressBans.refusal("203.0.113.7")).toBeUndefined();
    expect(await logged(end)).toEqual([]);
    chat.clock.advance(1_000_000);
    expect(await logged(end)).toEqual([]);
    expect((await list()).map(({ uid }: { uid: number }) => uid)).toEqual([ben]);
    await unban(ben);
  });

  test("BAN-5: one that was prolonged ends at its new moment", async () => {
    await ban(ann, { until: chat.clock.now() + 1000 });
    await ban(ann, { until: chat.clock.now() + 2000 });
    chat.clock.advance(1000);
    expect(await logged(end)).toEqual([]);
    chat.clock.advance(1000);
    expect(await logged(end)).toEqual([[Push.UNBLACK, { uid: ann }]]);
  });

  test("BAN-5: many at once end by writes of a hundred", async () => {
    const until = chat.clock.now();
    const values = (await chat.people(250)).map((uid) => ({ uid, until, reason: "", created_at: 1, created_by: root }));
    await chat.statements((tx) => tx.db.insertInto("bans").values(values).execute());
    const events = await logged(end);
    expect(events).toHaveLength(250);
    expect(await list()).toEqual([]);
  });
});

describe("of addresses", () => {
  test("BAN-9: a range has one name, whatever it is written as", async () => {
    expect((await banIp("::ffff:203.0.113.77/120")).body).toMatchObject({ cidr: "203.0.113.0/24", uid: null });
    await banIp("203.0.113.1/24", { reason: "again" });
    expect(await list()).toMatchObject([{ cidr: "203.0.113.0/24", reason: "again", name: null }]);
    expect((await chat.ask(admin, "DELETE", "/admin/bans/ips/203.0.113.200%2F24")).status).toBe(204);
    expect(await list()).toEqual([]);
    expect((await chat.ask(admin, "DELETE", "/admin/bans/ips/203.0.113.200%2F24")).status).toBe(204);
  });

  test("BAN-9: what cannot be banned is refused with a reason, and nothing is done", async () => {
    expect((await banIp("127.0.0.1")).body.code).toBe("address_protected");
    expect((await banIp(`10.9.0.${root % 256}`)).body.code).toBe("address_protected");
    expect((await banIp("203.0.0.0/8")).body.code).toBe("range_too_wide");
    const wrong = await banIp("203.0.113.0/99");
    expect([wrong.status, wrong.body.errors[0].path]).toEqual([400, "cidr"]);
    expect((await chat.ask(admin, "DELETE", "/admin/bans/ips/everybody")).body.code).toBe("invalid");
    expect(await list()).toEqual([]);
  });

  test("BAN-8: it holds before its reply, and its end does too", async () => {
    await banIp("198.51.100.0/24", { reason: "flood" });
    expect(chat.context.addressBans.refusal("198.51.100.9")).toMatchObject({ message: "flood" });
    await chat.must(admin, "DELETE", "/admin/bans/ips/198.51.100.0%2F24");
    expect(chat.context.addressBans.refusal("198.51.100.9")).toBeUndefined();
  });
});

test("ADM-3: what an administrator changes is counted, of whatever kind, also what is refused", async () => {
  const limited = await ChatFixture.open({ RATE_LIMITS: "on" });
  try {
    const [one, other] = (await limited.people(2)) as [number, number];
    const act = (who: number, n: number) => {
      const [method, path] = n % 2 ? ["PUT", "users/99999"] : ["DELETE", "ips/203.0.113.7"];
      return limited.ask(`admin-${who}`, method as string, `/admin/bans/${path}`);
    };
    for (let n = 0; n < 60; n++) expect((await act(one, n)).status).not.toBe(429);
    for (const n of [60, 61]) expect((await act(one, n)).body.code).toBe("rate_limited");
    expect((await act(other, 0)).status).toBe(204);
    expect((await limited.ask(`admin-${one}`, "GET", "/admin/bans")).status).toBe(200);
  } finally {
    await limited.close();
  }
});

test("BAN-10: there are at most 10 000 bans, and pages show each of them once", async () => {
  expect(CAPS.bans.count).toBe(10_000);
  const rows = CAPS.bans.count - 1;
  await chat.statements(async (tx) => {
    for (let from = 0; from < rows; from += 1000) {
      const values = Array.from({ length: Math.min(1000, rows - from) }, (_, n) => ({
        uid: 1_000_000 + from + n,
        reason: "",
        created_at: 1,
        created_by: root,
      }));
      await tx.db.insertInto("bans").values(values).execute();
    }
  });
  expect((await ban(ann)).status).toBe(200);
  expect((await ban(ben)).body.code).toBe("too_many_bans");
  expect((await banIp("203.0.113.7")).body.code).toBe("too_many_bans");
  // An existing ban can still be changed, and ending one makes room.
  expect((await ban(ann, { reason: "changed" })).status).toBe(200);
  await unban(ann);
  expect((await ban(ben)).status).toBe(200);
  const first = await chat.must(admin, "GET", "/admin/bans?limit=3");
  expect(first.items.map(({ uid }: { uid: number }) => uid)).toEqual([ben, 1_000_000 + rows - 1, 1_000_000 + rows - 2]);
  const second = await chat.must(admin, "GET", `/admin/bans?limit=1&cursor=${first.nextCursor}`);
  expect(second.items[0].uid).toBe(1_000_000 + rows - 3);
  await chat.statements((tx) => tx.db.deleteFrom("bans").execute());
  expect(await chat.must(admin, "GET", "/admin/bans")).toEqual({ items: [], nextCursor: null });
});
