import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { type Person, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { ManualClock } from "../lib/clock.ts";

const DAY = 86_400_000;
const clock = new ManualClock();
let server: TestServer;
let door: Door;
let made = 0;
beforeAll(async () => {
  server = await TestServer.start({}, { clock });
  door = await openDoor(server, "shop");
}, 20_000);
afterAll(() => server.stop());

let ada: Person;
let ben: Person;
beforeEach(async () => {
  made += 1;
  // Accounts are made after what earlier tests have sent to everybody.
  clock.advance(1000);
  [ada, ben] = [await personAtDoor(server, door, `ada-${made}`), await personAtDoor(server, door, `ben-${made}`)];
});

const NOTICE = { kind: "approval", title: "A request", text: "Three days off" };

interface Listed {
  items: { id: number; title: string; [field: string]: unknown }[];
  unseen: number;
  unread: number;
  upTo: number;
  nextCursor: string | null;
}
const list = ({ api }: Person, query = "") => api.ok<Listed>("GET", `/notifications${query}`);
const titles = async (person: Person, query = "") => (await list(person, query)).items.map(({ title }) => title);
/** Unseen and unread; the dot is the first of them. */
const counts = async (person: Person) => {
  const { unseen, unread } = await list(person);
  const { notifications } = await person.api.ok<{ notifications: number }>("GET", "/unread");
  expect(notifications).toBe(unseen);
  return [unseen, unread];
};
const notify = (more: object) =>
  door.ok<{ id: number; recipients: number; skipped?: unknown }>("POST", "/notifications", { ...NOTICE, ...more });
/** The person with a token that has not expired. */
const today = ({ name }: Person) => personAtDoor(server, door, name);
const toBoth = () => ({ to: { users: [ada.name, ben.uid] } });
const toAda = () => ({ to: { users: [ada.uid] } });

/** The notifications for somebody who was away since a cursor. */
async function missed({ api }: Person, cursor: string) {
  const { events } = await api.ok<{ events: { type: number; data: { id: number } }[] }>(
    "GET",
    `/events?cursor=${cursor}`,
  );
  return events.filter(({ type }) => type === Push.NOTIFICATION).map(({ data }) => data);
}
const now = async ({ api }: Person) => (await api.ok<{ cursor: string }>("GET", "/events")).cursor;

describe("sending", () => {
  test("NTF-1, NTF-20: a notification is in the list of each of its people, with one id, and makes a dot", async () => {
    const live = await server.live(ada);
    const sent = await notify({ ...toBoth(), link: "/requests/7", data: { request: 7 } });
    expect(sent).toEqual({ id: expect.any(Number), recipients: 2 });
    const at = clock.now();
    const shown = { ...NOTICE, id: sent.id, link: "/requests/7", data: { request: 7 }, at, expiresAt: at + 90 * DAY };
    const { data, stream } = await live.frame(Push.NOTIFICATION);
    expect([stream, data]).toEqual([`user:${ada.uid}`, shown]);
    for (const person of [ada, ben]) {
      expect((await list(person)).items).toEqual([
        { ...shown, seen: false, read: false, archived: false, done: false },
      ]);
      expect(await counts(person)).toEqual([1, 1]);
    }
  });

  test("NTF-1: somebody who is named twice gets it once", async () => {
    expect(await notify({ to: { users: [ada.name, ada.uid, ada.name] } })).toMatchObject({ recipients: 1 });
    expect(await titles(ada)).toEqual(["A request"]);
  });

  test("NTF-2: one to everybody is one row and one event, for those whose account was there already", async () => {
    const [live, cursor] = [await server.live(ada), await now(ben)];
    const { id, recipients } = await notify({ to: { all: true }, title: "Tonight" });
    clock.advance(1);
    const late = await personAtDoor(server, door, `late-${made}`);
    expect(await live.frame(Push.NOTIFICATION)).toMatchObject({ stream: "all", data: { id, title: "Tonight" } });
    expect((await missed(ben, cursor)).map((data) => data.id)).toEqual([id]);
    const { db } = server.storage;
    expect(recipients).toBe((await db.selectFrom("users").select("uid").where("uid", "!=", 1).execute()).length - 1);
    const rows = await db.selectFrom("notifications").select("id").where("id", "=", id).execute();
    const events = await db.selectFrom("events").select("pos").where("message_id", "=", id).execute();
    const own = await db
      .selectFrom("notification_recipients")
      .select("uid")
      .where("notification_id", "=", id)
      .execute();
    expect([rows.length, events.length, own.length]).toEqual([1, 1, 0]);
    expect([await titles(ada), await titles(ben), await titles(late)]).toEqual([["Tonight"], ["Tonight"], []]);
    expect([await counts(ada), await counts(late)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  test("NTF-3: people whom nobody knows are named with their places, and nothing is done; or they are skipped", async () => {
    const to = { users: [ada.name, "nobody", ben.uid, 999_999] };
    const refused = await door.call("POST", "/notifications", { ...NOTICE, to });
    expect(refused).toMatchObject({ status: 422, body: { code: "unknown_user" } });
    expect((refused.body as { errors: { path: string }[] }).errors.map(({ path }) => path)).toEqual([
      "to.users.1",
      "to.users.3",
    ]);
    expect(await titles(ada)).toEqual([]);
    const sent = await door.ok("POST", "/notifications?unknown=skip", { ...NOTICE, to });
    expect(sent).toEqual({ id: expect.any(Number), recipients: 2, skipped: ["nobody", 999_999] });
    expect(await titles(ada)).toEqual(["A request"]);
    const nobody = await door.call("POST", "/notifications?unknown=skip", { ...NOTICE, to: { users: ["nobody"] } });
    expect(nobody).toMatchObject({ status: 422, body: { code: "unknown_user" } });
  });
});

describe("dedupeKey", () => {
  test("NTF-5: the same request again is the first reply, another one 409, and after a day it is new", async () => {
    const request = { ...NOTICE, ...toBoth(), dedupeKey: `d-${made}` };
    const first = await door.call("POST", "/notifications", request);
    const again = await door.call("POST", "/notifications", request);
    expect([first.status, again.status, again.body]).toEqual([201, 200, first.body]);
    expect(await door.call("POST", "/notifications", { ...request, title: "Another" })).toMatchObject({
      status: 409,
      body: { code: "dedupe_key_reused" },
    });
    const event = { to: request.to, kind: "a", data: 1, dedupeKey: request.dedupeKey };
    expect(await door.call("POST", "/events", event)).toMatchObject({ status: 409 });
    expect(await titles(ada)).toEqual(["A request"]);
    const other = await openDoor(server, `other-${made}`);
    expect((await other.call("POST", "/notifications", request)).status).toBe(201);
    clock.advance(DAY);
    expect((await door.call("POST", "/notifications", request)).status).toBe(201);
    expect(await titles(await today(ada))).toEqual(["A request", "A request", "A request"]);
  });

  test("NTF-5: of many at once one is done, and one that was refused can be tried again", async () => {
    const request = { ...NOTICE, ...toAda(), dedupeKey: `d-${made}` };
    const wrong = { ...request, to: { users: ["nobody"] } };
    expect((await door.call("POST", "/notifications", wrong)).status).toBe(422);
    const replies = await Promise.all(Array.from({ length: 20 }, () => door.call("POST", "/notifications", request)));
    expect(replies.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201]);
    expect(new Set(replies.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await titles(ada)).toEqual(["A request"]);
  });
});

describe("one in place of another", () => {
  test("NTF-6: a later one with the same collapseKey takes the earlier one's place, in lists and for those who were away", async () => {
    const [live, away] = [await server.live(ada), await now(ben)];
    const collapseKey = `c-${made}`;
    const first = await notify({ ...toBoth(), collapseKey, title: "10 %" });
    const second = await notify({ ...toAda(), collapseKey, title: "20 %" });
    expect([await titles(ada), await titles(ben)]).toEqual([["20 %"], ["10 %"]]);
    const third = await notify({ ...toBoth(), collapseKey, title: "30 %" });
    expect([await titles(ada), await titles(ben)]).toEqual([["30 %"], ["30 %"]]);
    expect(await counts(ada)).toEqual([1, 1]);
    await live.until(() => live.of(Push.NOTIFICATION).length === 5, "all of them");
    expect(live.of(Push.NOTIFICATION).map(({ data }) => [data.id, data.title ?? data.removed])).toEqual([
      [first.id, "10 %"],
      [first.id, true],
      [second.id, "20 %"],
      [second.id, true],
      [third.id, "30 %"],
    ]);
    expect((await missed(ben, away)).map((data) => ({ ...data }))).toMatchObject([
      { id: first.id, removed: true },
      { id: first.id, removed: true },
      { id: third.id, title: "30 %" },
    ]);
    // Nobody has them any more, so nothing of them is left.
    const rows = await server.storage.db
      .selectFrom("notifications")
      .select("id")
      .where("collapse_key", "=", collapseKey);
    expect(await rows.execute()).toEqual([{ id: third.id }]);
  });

  test("NTF-6: those to everybody take each other's place, and not that of people's own", async () => {
    const collapseKey = `c-${made}`;
    await notify({ ...toAda(), collapseKey, title: "own" });
    await notify({ to: { all: true }, collapseKey, title: "old" });
    const away = await now(ben);
    await notify({ to: { all: true }, collapseKey, title: "new" });
    expect([await titles(ada), await titles(ben)]).toEqual([["new", "own"], ["new"]]);
    expect((await missed(ben, away)).map((data) => Object.keys(data).includes("removed"))).toEqual([true, false]);
    await door.ok("DELETE", `/notifications/approval/none-${made}`);
  });

  test("NTF-6: many at once leave one", async () => {
    const collapseKey = `c-${made}`;
    await Promise.all(Array.from({ length: 30 }, (_, n) => notify({ ...toBoth(), collapseKey, title: `${n}` })));
    expect([(await titles(ada)).length, (await titles(ben)).length]).toEqual([1, 1]);
    expect(await counts(ada)).toEqual([1, 1]);
  });
});

describe("ttl", () => {
  test("NTF-7: what has expired is in no list, makes no dot, and comes without its content", async () => {
    const away = await now(ben);
    const { id } = await notify({ ...toBoth(), ttl: 60, data: { secret: true }, link: "/a" });
    const at = clock.now();
    expect((await missed(ben, away))[0]).toMatchObject({ id, title: "A request", expiresAt: at + 60_000 });
    clock.advance(59_999);
    expect(await counts(ada)).toEqual([1, 1]);
    clock.advance(1);
    expect([await titles(ada), await counts(ada)]).toEqual([[], [0, 0]]);
    const gone = { id, kind: "approval", title: null, text: null, at, expiresAt: at + 60_000 };
    expect(await missed(ben, away)).toEqual([gone as never]);
    expect((await door.call("PATCH", `/notifications/${id}`, { title: "Late" })).status).toBe(404);
  });

  test("NTF-7: one to everybody expires too, and one without a ttl after 90 days", async () => {
    await notify({ to: { all: true }, ttl: 60 });
    await notify(toAda());
    expect(await counts(ada)).toEqual([2, 2]);
    clock.advance(60_000);
    expect(await counts(ada)).toEqual([1, 1]);
    clock.advance(90 * DAY - 60_001);
    expect(await counts(await today(ada))).toEqual([1, 1]);
    clock.advance(1);
    expect([await titles(await today(ada)), await counts(await today(ada))]).toEqual([[], [0, 0]]);
  });
});

describe("changing", () => {
  test("NTF-8: a change is told with the same id, and what people have seen and read stays", async () => {
    const { id } = await notify({ ...toBoth(), link: "/a", data: 1 });
    await ada.api.ok("PUT", "/notifications/read", { ids: [id] });
    const [live, away] = [await server.live(ada), await now(ben)];
    const reply = await door.ok("PATCH", `/notifications/${id}`, { title: "Changed", link: null, data: { a: 1 } });
    expect(reply).toEqual({ id, recipients: 2 });
    const { data } = await live.frame(Push.NOTIFICATION);
    expect(data).toMatchObject({ id, title: "Changed", text: NOTICE.text, data: { a: 1 } });
    expect(data).not.toHaveProperty("link");
    expect((await missed(ben, away)).map((one) => one.id)).toEqual([id]);
    expect((await list(ada)).items).toMatchObject([{ id, title: "Changed", link: null, read: true }]);
    expect([await counts(ada), await counts(ben)]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    // Nothing changes: nobody is told.
    await door.ok("PATCH", `/notifications/${id}`, { title: "Changed" });
    expect(await missed(ben, away)).toHaveLength(1);
  });

  test("NTF-8: those who were away get it as it is now, whenever it was changed", async () => {
    const away = await now(ben);
    const { id } = await notify(toBoth());
    await missed(ben, away);
    await door.ok("PATCH", `/notifications/${id}`, { title: "Second" });
    await door.ok("PATCH", `/notifications/${id}`, { title: "Third", done: true });
    expect((await missed(ben, away)).map((data) => ({ ...data }))).toMatchObject(
      Array(3).fill({ id, title: "Third", done: true }),
    );
  });

  test("NTF-9: what is done makes no dot and is not unread; it can be undone", async () => {
    const { id } = await notify(toBoth());
    await door.ok("PATCH", `/notifications/${id}`, { done: true });
    expect([await counts(ada), await titles(ada), await titles(ada, "?state=unread")]).toEqual([
      [0, 0],
      ["A request"],
      [],
    ]);
    await door.ok("PATCH", `/notifications/${id}`, { done: false });
    expect(await counts(ada)).toEqual([1, 1]);
  });

  test("NTF-8: what is not there is 404", async () => {
    const { id } = await notify(toAda());
    expect((await door.call("PATCH", `/notifications/${id}`, {})).status).toBe(200);
    for (const wrong of [id + 1000, 1]) {
      expect((await door.call("PATCH", `/notifications/${wrong}`, { done: true })).status).toBe(404);
    }
  });
});

describe("a matter", () => {
  test("NTF-10: is settled for everybody who has a notification of it, and taken back", async () => {
    const key = `order/7 ü ${made}`;
    const path = `/notifications/approval/${encodeURIComponent(key)}`;
    await notify({ ...toAda(), key });
    await notify({ to: { users: [ben.uid] }, key });
    await notify({ ...toBoth(), key, kind: "reminder", title: "Another kind" });
    const [live, away] = [await server.live(ada), await now(ben)];
    await door.ok("PUT", `${path}/done`);
    await door.ok("PUT", `${path}/done`);
    expect(await live.frame(Push.NOTIFICATION)).toMatchObject({ data: { done: true } });
    expect([await counts(ada), await counts(ben)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    await door.ok("DELETE", path);
    await door.ok("DELETE", path);
    expect([await titles(ada), await titles(ben)]).toEqual([["Another kind"], ["Another kind"]]);
    const told = await missed(ben, away);
    expect(told).toHaveLength(2);
    for (const data of told) expect(data).toEqual({ id: expect.any(Number), removed: true } as never);
  });

  test("NTF-10: of everybody's, and of hundreds", async () => {
    const key = `many-${made}`;
    await Promise.all(Array.from({ length: 250 }, () => notify({ ...toBoth(), key })));
    for (let n = 0; n < 3; n++) await notify({ to: { all: true }, key });
    await door.ok("PUT", `/notifications/approval/${key}/done`);
    expect(await counts(ben)).toEqual([0, 0]);
    await door.ok("DELETE", `/notifications/approval/${key}`);
    expect(await titles(ben)).toEqual([]);
    const left = server.storage.db
      .selectFrom("notifications")
      .select("id")
      .where("key", "=", key)
      .where("is_gone", "=", 0);
    expect(await left.execute()).toEqual([]);
  });

  test("NTF-10: one that is taken back before its reader comes shows nothing of what it said", async () => {
    const away = await now(ben);
    const { id } = await notify({ ...toBoth(), key: `oops-${made}`, title: "SECRET" });
    const all = await notify({ to: { all: true }, key: `oops-${made}`, title: "SECRET" });
    // Somebody has read it, so that its text is in memory.
    expect(JSON.stringify(await missed(ben, away))).toContain("SECRET");
    await door.ok("DELETE", `/notifications/approval/oops-${made}`);
    const told = await missed(ben, away);
    expect(told.map((data) => data.id)).toEqual([id, all.id, id, all.id]);
    expect(JSON.stringify(told)).not.toContain("SECRET");
    const stored = await server.storage.db.selectFrom("notifications").selectAll().where("id", ">=", id).execute();
    expect(JSON.stringify(stored)).not.toContain("SECRET");
  });
});
