import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Push, type Ref, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { notifyPeople } from "../server-api/notify-writes.ts";
import { markNotices } from "./mark-writes.ts";
import { changeNotices } from "./notice-changes.ts";
import { removeExpiredNotices } from "./upkeep-writes.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob] = (await chat.people(2)) as [number, number];
});
afterEach(() => chat.close());

const HALL = { access: "members", send: "everyone" } as const;
const notice = { kind: "a", key: null, collapseKey: null, title: "title", text: "text", link: null, data: null };
const input = (to: readonly Ref[] | "all", more: object = {}) => ({
  ...{ by: "key 1", keyId: 1, dedupeKey: null, requestHash: "", everybody: 2, skipUnknown: false, hall: HALL },
  to: to === "all" ? { all: true as const } : { users: to },
  notice: { ...notice, ttlMs: null, ...more },
});
const notify = async (to: readonly number[] | "all", more: object = {}) =>
  (await chat.scratch.writes.run(notifyPeople, input(to, more))).reply.id;
const many = (count: number, to: readonly number[] | "all", more: object = {}) =>
  Promise.all(Array.from({ length: count }, () => notify(to, more)));

const list = async (who: number, query = "") => (await chat.must(who, "GET", `/notifications${query}`)) as Page;
interface Page {
  readonly items: { readonly id: number; readonly [field: string]: unknown }[];
  readonly unseen: number;
  readonly unread: number;
  readonly upTo: number;
  readonly nextCursor: string | null;
}
const ids = async (who: number, query = "") => (await list(who, query)).items.map(({ id }) => id);
const put = (who: number, what: string, body: object) => chat.must(who, "PUT", `/notifications/${what}`, body);
/** What SELF has told of notifications. */
const told = (uid: number) =>
  chat
    .events(userStream(uid))
    .filter(({ type }) => type === Push.SELF)
    .map(({ data }) => data);
const gone = (uid: number) =>
  chat
    .events(userStream(uid))
    .filter(({ type, data }) => type === Push.NOTIFICATION && data.removed)
    .map(({ data }) => data.id);
const kept = async (uid: number) => {
  const { db } = chat.scratch;
  const place = await db.selectFrom("notification_places").select("kept").where("uid", "=", uid).executeTakeFirst();
  const rows = await db.selectFrom("notification_recipients").select("uid").where("uid", "=", uid).execute();
  expect(place?.kept ?? 0).toBe(rows.length);
  return rows.length;
};

describe("marking", () => {
  test("NTF-21, NTF-22: seen up to an id makes no dot, and other devices are told once", async () => {
    const [first, second, third] = [await notify([ann]), await notify("all"), await notify([ann])];
    expect(await put(ann, "seen", { upTo: second })).toEqual({ unseen: 1, unread: 3 });
    expect(await put(ann, "seen", { upTo: first })).toEqual({ unseen: 1, unread: 3 });
    expect((await list(ann)).items.map(({ id, seen, read }) => [id, seen, read])).toEqual([
      [third, false, false],
      [second, true, false],
      [first, true, false],
    ]);
    expect(told(ann)).toEqual([{ notificationsSeen: second, unseen: 1, unreadNotifications: 3, friendRequests: 0 }]);
    expect((await list(bob)).unseen).toBe(1);
    expect(told(bob)).toEqual([]);
  });

  test("NTF-21: an id that does not exist yet counts as the newest", async () => {
    await notify([ann]);
    expect(await put(ann, "seen", { upTo: Number.MAX_SAFE_INTEGER })).toEqual({ unseen: 0, unread: 1 });
    expect(await put(ann, "read", { upTo: Number.MAX_SAFE_INTEGER })).toEqual({ unseen: 0, unread: 0 });
    await notify([ann]);
    expect(await list(ann)).toMatchObject({ unseen: 1, unread: 1 });
  });

  test("NTF-21, NTF-22: read by ids and up to an id; what is read is seen; others' and unknown ids are ignored", async () => {
    const [first, all, third, bobs] = [
      await notify([ann]),
      await notify("all"),
      await notify([ann]),
      await notify([bob]),
    ];
    expect(await put(ann, "read", { ids: [third, all, bobs, 999_999, third] })).toEqual({ unseen: 1, unread: 1 });
    expect((await list(ann)).items.map(({ id, seen, read }) => [id, seen, read])).toEqual([
      [third, true, true],
      [all, true, true],
      [first, false, false],
    ]);
    expect(await put(ann, "read", { ids: [third] })).toEqual({ unseen: 1, unread: 1 });
    expect(await ids(ann, "?state=unread")).toEqual([first]);
    expect(await put(ann, "read", { upTo: all, ids: [third] })).toEqual({ unseen: 0, unread: 0 });
    expect(await ids(ann, "?state=unread")).toEqual([]);
    await put(ann, "read", { ids: [first] });
    expect(told(ann).map((data) => data.notificationsRead)).toEqual([{ ids: [third, all] }, { upTo: all }]);
    expect(await list(bob)).toMatchObject({ unseen: 2, unread: 2 });
  });

  test("NTF-21, NTF-22: archived ones leave the list and count no more", async () => {
    const [own, all] = [await notify([ann]), await notify("all")];
    expect(await put(ann, "archive", { ids: [own, all] })).toEqual({ unseen: 0, unread: 0 });
    expect([await ids(ann), await ids(ann, "?state=unread"), await ids(ann, "?state=archived")]).toEqual([
      [],
      [],
      [all, own],
    ]);
    expect(await put(ann, "archive", { ids: [own] })).toEqual({ unseen: 0, unread: 0 });
    expect(told(ann).map((data) => data.notificationsArchived)).toEqual([[own, all]]);
    expect(await ids(bob)).toEqual([all]);
    await put(ann, "read", { ids: [own] });
    expect((await list(ann, "?state=archived")).items[1]).toMatchObject({ read: true, archived: true });
  });

  test("NTF-2, NTF-21: what everybody was told before a person was there is not theirs to mark", async () => {
    const id = await notify("all");
    chat.clock.advance(1);
    const [late] = (await chat.people(1)) as [number];
    expect(await put(late, "read", { ids: [id] })).toEqual({ unseen: 0, unread: 0 });
    expect([await ids(late), told(late)]).toEqual([[], []]);
  });

  test.each<[what: string, body: object]>([
    ["seen", {}],
    ["seen", { upTo: 0 }],
    ["read", { ids: [] }],
    ["read", { ids: Array.from({ length: 101 }, (_, n) => n + 1) }],
    ["archive", { ids: ["1"] }],
    ["archive", { id: [1] }],
  ])("NTF-21: %s %j is 400", async (what, body) => {
    expect((await chat.ask(ann, "PUT", `/notifications/${what}`, body)).status).toBe(400);
  });

  test("NTF-20: nobody reads or marks without being signed in", async () => {
    expect((await chat.ask(undefined, "GET", "/notifications")).status).toBe(401);
    for (const what of ["seen", "read", "archive"]) {
      expect((await chat.ask(undefined, "PUT", `/notifications/${what}`, { upTo: 1, ids: [1] })).status).toBe(401);
    }
  });
});

describe("the list", () => {
  test("NTF-20: comes in pages, the newest first, own and everybody's mixed", async () => {
    const all: number[] = [];
    for (let n = 0; n < 7; n++) all.push(await notify(n % 3 === 0 ? "all" : [ann]));
    const pages = await chat.pages<{ id: number }>(ann, "/notifications?limit=3");
    expect(pages.map((page) => page.map(({ id }) => id))).toEqual([
      [all[6], all[5], all[4]],
      [all[3], all[2], all[1]],
      [all[0]],
    ] as number[][]);
    expect((await list(ann)).upTo).toBe(all.at(-1) as number);
    expect((await chat.ask(ann, "GET", "/notifications?cursor=x")).status).toBe(400);
    expect((await chat.ask(ann, "GET", "/notifications?state=new")).status).toBe(400);
  });

  test("NTF-20: a page of long ones ends early", async () => {
    const data = JSON.stringify("x".repeat(8190));
    await many(60, [ann], { data });
    const pages = await chat.pages<{ id: number }>(ann, "/notifications?limit=100");
    expect(pages.map(({ length }) => length)).toEqual([31, 29]);
  });
});

describe("how many are kept", () => {
  test("NTF-23: with one more than 1 000 of a person's own the oldest is taken back, and counts follow", async () => {
    const first = [];
    for (let n = 0; n < 4; n++) first.push(...(await many(250, [ann])));
    expect([await kept(ann), gone(ann)]).toEqual([1000, []]);
    await notify([ann, bob]);
    expect([await kept(ann), gone(ann), await kept(bob)]).toEqual([1000, first.slice(0, 1), 1]);
    expect(await list(ann)).toMatchObject({ unseen: 1000, unread: 1000 });
    // Nobody has it any more.
    const rows = chat.scratch.db
      .selectFrom("notifications")
      .select("id")
      .where("id", "=", first[0] as number);
    expect(await rows.execute()).toEqual([]);
    await many(100, [ann]);
    expect([await kept(ann), gone(ann)]).toEqual([1000, first.slice(0, 101)]);
  }, 30_000);

  test("NTF-23: what takes another one's place takes nobody else's", async () => {
    const collapsed = await notify([ann], { collapseKey: "c" });
    const [next] = await many(249, [ann]);
    for (let n = 0; n < 3; n++) await many(250, [ann]);
    // At once: the oldest leaves in favour of the first of them, and so the second oldest in favour of the other.
    await Promise.all([notify([ann], { collapseKey: "c" }), notify([ann])]);
    expect([await kept(ann), gone(ann).toSorted((a, b) => a - b)]).toEqual([1000, [collapsed, next as number]]);
    // Each of them takes the place of the one before it.
    await many(5, [ann], { collapseKey: "c" });
    expect([await kept(ann), gone(ann).length]).toEqual([1000, 7]);
    expect(await list(ann)).toMatchObject({ unseen: 1000, unread: 1000 });
  }, 30_000);

  test("NTF-23: the same holds for those to everybody", async () => {
    const first = [];
    for (let n = 0; n < 4; n++) first.push(...(await many(250, "all")));
    const last = await many(3, "all", { collapseKey: "d" });
    expect(await list(ann)).toMatchObject({ unseen: 1000, unread: 1000 });
    const pages = await chat.pages<{ id: number }>(bob, "/notifications?limit=100");
    const left = pages.flat().map(({ id }) => id);
    expect([left.length, left[0], left.at(-1)]).toEqual([1000, last[2], first[1]] as number[]);
  }, 30_000);
});

test("NTF-8, NTF-10: of changes that come together each sees what the one before it has done", async () => {
  const [id, expired] = [await notify([ann]), await notify([ann], { ttlMs: 1000 })];
  const change = (what: "take back" | object, ids: number[]) =>
    chat.scratch.writes.run(changeNotices, { by: "key 1", ids, change: what as never, recipients: 1 });
  const together = [change({ title: "new" }, [id]), change("take back", [id]), change({ title: "late" }, [id])];
  expect((await Promise.all(together)).map(({ found }) => found)).toEqual([1, 1, 0]);
  const events = chat.events(userStream(ann)).filter(({ type, data }) => type === Push.NOTIFICATION && data.id === id);
  expect(events.map(({ data }) => data.title ?? data.removed)).toEqual(["title", "new", true]);
  chat.clock.advance(1000);
  expect(await change({ title: "late" }, [expired])).toEqual({ found: 0 });
});

describe("what has expired", () => {
  const sweep = async () => {
    let writes = 0;
    while (await chat.scratch.writes.run(removeExpiredNotices, undefined)) writes += 1;
    return writes;
  };
  const stored = () =>
    chat.scratch.db.selectFrom("notifications").select(["id", "title", "is_swept"]).orderBy("id").execute();

  test("NTF-27: is removed a hundred rows at once, its content at once, and the rest after a week", async () => {
    const people = await chat.people(150);
    const id = await notify(people, { ttlMs: 1000 });
    const all = await notify("all", { ttlMs: 1000 });
    for (const uid of people) await chat.must(uid, "PUT", "/notifications/archive", { ids: [all] });
    const lasting = await notify([ann]);
    expect(await sweep()).toBe(0);
    chat.clock.advance(1000);
    expect(await sweep()).toBeGreaterThanOrEqual(3);
    expect(await stored()).toEqual([
      { id, title: "", is_swept: 1 },
      { id: all, title: "", is_swept: 1 },
      { id: lasting, title: "title", is_swept: 0 },
    ]);
    for (const uid of people.slice(0, 3)) expect(await kept(uid)).toBe(0);
    const { db } = chat.scratch;
    expect(await db.selectFrom("notification_marks").selectAll().execute()).toEqual([]);
    expect(await kept(ann)).toBe(1);
    chat.clock.advance(7 * 86_400_000);
    await sweep();
    expect((await stored()).map((row) => row.id)).toEqual([lasting]);
  }, 20_000);

  test("NTF-10, NTF-27: one to everybody that was taken back goes with the marks on it", async () => {
    const id = await notify("all", { key: "k" });
    await put(ann, "read", { ids: [id] });
    await chat.scratch.writes.run(changeNotices, { by: "key 1", ids: [id], change: "take back", recipients: 1 });
    expect(await ids(bob)).toEqual([]);
    await sweep();
    expect(await stored()).toEqual([]);
    expect(await chat.scratch.db.selectFrom("notification_marks").selectAll().execute()).toEqual([]);
  });
});

test("NTF-10: one to everybody that was taken back does not come back when the clock is set back", async () => {
  const id = await notify("all");
  await chat.scratch.writes.run(changeNotices, { by: "key 1", ids: [id], change: "take back", recipients: 1 });
  chat.clock.advance(-3_600_000);
  expect(await list(ann)).toMatchObject({ items: [], unseen: 0, unread: 0 });
  expect(await ids(ann, "?state=unread")).toEqual([]);
  const own = await notify([ann]);
  expect(await put(ann, "seen", { upTo: own })).toEqual({ unseen: 0, unread: 1 });
});

describe("a person", () => {
  test("NTF-26: exports their own and what they have marked of everybody's, in pages", async () => {
    const own = await many(130, [ann, bob], { data: '{"a":1}' });
    const all = await notify("all");
    await notify("all");
    await put(ann, "archive", { ids: [all, own[0] as number] });
    await put(ann, "seen", { upTo: own[3] as number });
    const first = await chat.must(ann, "GET", "/me/export");
    const query = `notificationsCursor=${first.notifications.nextCursor}`;
    const second = await chat.must(ann, "GET", `/me/export?${query}`);
    const items = [...first.notifications.items, ...second.notifications.items] as { id: number; archived: boolean }[];
    expect(items.map(({ id }) => id)).toEqual([...own, all]);
    expect(items.filter(({ archived }) => archived).map(({ id }) => id)).toEqual([own[0] as number, all]);
    expect(first.notifications).toMatchObject({ seenUpTo: own[3], readUpTo: 0 });
    expect(first.notifications.items[1]).toMatchObject({ title: "title", data: { a: 1 }, read: false });
    expect(second.notifications.nextCursor).toBeNull();
  });

  test("NTF-26: whose account is deleted leaves nothing of theirs, and others theirs", async () => {
    const [own, shared, all] = [await notify([ann]), await notify([ann, bob]), await notify("all")];
    await put(ann, "read", { ids: [all, own] });
    expect((await chat.ask(ann, "DELETE", "/me", {})).status).toBe(204);
    const { db } = chat.scratch;
    const rows = await db.selectFrom("notifications").select("id").orderBy("id").execute();
    expect(rows.map(({ id }) => id)).toEqual([shared, all]);
    for (const table of ["notification_recipients", "notification_marks", "notification_places"] as const) {
      expect(await db.selectFrom(table).select("uid").where("uid", "=", ann).execute()).toEqual([]);
    }
    expect(await ids(bob)).toEqual([all, shared]);
  });

  test("NTF-26: a request that was on its way when the account was deleted writes nothing", async () => {
    const all = await notify("all");
    expect((await chat.ask(ann, "DELETE", "/me", {})).status).toBe(204);
    const { db, writes } = chat.scratch;
    const before = await db.selectFrom("events").select("pos").where("stream", "=", userStream(ann)).execute();
    const marked = (uid: number) => ({
      actor: { uid, power: 0 as const },
      act: { kind: "read" as const, upTo: all, ids: [all] },
    });
    await Promise.all([ann, bob].map((uid) => writes.run(markNotices, marked(uid))));
    for (const table of ["notification_marks", "notification_places"] as const) {
      const rows = await db.selectFrom(table).select("uid").distinct().execute();
      expect(rows.map(({ uid }) => uid)).not.toContain(ann);
    }
    expect(await db.selectFrom("events").select("pos").where("stream", "=", userStream(ann)).execute()).toEqual(before);
    expect(await chat.must(bob, "GET", "/notifications")).toMatchObject({ unread: 0 });
  });
});

describe("by set queries", () => {
  const first = async () => (await many(3, [ann, bob], { collapseKey: "s" }))[2] as number;

  test("200 notifications to 60 people take as many statements as one to two", async () => {
    await first();
    const people = await chat.people(60);
    const inputs = (count: number) =>
      Array.from({ length: count }, (_, n) =>
        input([...people.slice(0, 40), people[n % 60] as number], { collapseKey: `s${n % 7}` }),
      );
    const one = await chat.statements((tx) => notifyPeople(tx, [input([ann, bob], { collapseKey: "s" })]));
    expect(await chat.statements((tx) => notifyPeople(tx, inputs(200)))).toBe(one);
  });

  test("changes and marks of many take as many statements as one", async () => {
    const id = await first();
    const others = await many(50, [ann, bob]);
    const change = { by: "key 1", change: { done: true }, recipients: 2 };
    const one = await chat.statements((tx) => changeNotices(tx, [{ ...change, ids: [id] }]));
    const all = others.map((other) => ({ ...change, ids: [other] }));
    expect(await chat.statements((tx) => changeNotices(tx, all))).toBe(one);
    const mark = (uid: number, marked: number[]) => ({
      ...{ actor: { uid, power: 0 as const } },
      act: { kind: "read" as const, upTo: 1, ids: marked },
    });
    const single = await chat.statements((tx) => markNotices(tx, [mark(ann, [id])]));
    const marks = others.flatMap((other) => [mark(ann, [other]), mark(bob, [other])]);
    expect(await chat.statements((tx) => markNotices(tx, marks))).toBe(single);
  });
});
