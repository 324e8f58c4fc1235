import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { type Person, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { ManualClock } from "../lib/clock.ts";
import { delay } from "../lib/interval.ts";
import { removeUnusedEvents } from "./custom-writes.ts";

const clock = new ManualClock();
let server: TestServer;
let door: Door;
let made = 0;
beforeAll(async () => {
  server = await TestServer.start({ RETENTION_MIN_EVENTS: "1", RETENTION_DAYS: "1" }, { clock });
  door = await openDoor(server, "shop");
}, 20_000);
afterAll(() => server.stop());

let ada: Person;
let ben: Person;
let room: string;
beforeEach(async () => {
  made += 1;
  [ada, ben] = [await personAtDoor(server, door, `ada-${made}`), await personAtDoor(server, door, `ben-${made}`)];
  room = `room-${made}`;
  await door.ok("PUT", `/rooms/${room}`, {});
  await door.ok("POST", `/rooms/${room}/members`, { add: [ada.uid, ben.uid] });
});

const push = (more: object) =>
  door.ok<{ recipients: number; skipped?: unknown }>("POST", "/events", {
    kind: "shipped",
    data: { order: 7 },
    ...more,
  });

interface Seen {
  readonly type: number;
  readonly stream?: string;
  readonly data: { readonly kind: string; readonly data: unknown };
}
/** The product's own events for somebody who was away since a cursor. */
async function missed({ api }: Person, cursor: string) {
  const { events } = await api.ok<{ events: Seen[] }>("GET", `/events?cursor=${cursor}`);
  return events.filter(({ type }) => type === Push.CUSTOM).map(({ stream, data }) => [stream, data.kind, data.data]);
}
const now = async ({ api }: Person) => (await api.ok<{ cursor: string }>("GET", "/events")).cursor;

describe("its readers", () => {
  test("EVT-1, EVT-2: people get it in their own streams, live and later", async () => {
    const [live, away] = [await server.live(ada), await now(ben)];
    expect(await push({ to: { users: [ada.name, ben.uid, ben.name] } })).toEqual({ recipients: 2 });
    const { stream, seq, data } = await live.frame(Push.CUSTOM);
    expect([stream, typeof seq, data]).toEqual([`user:${ada.uid}`, "number", { kind: "shipped", data: { order: 7 } }]);
    expect(await missed(ben, away)).toEqual([[`user:${ben.uid}`, "shipped", { order: 7 }]]);
    expect(await missed(ben, await now(ben))).toEqual([]);
  });

  test("EVT-1: rooms and everybody get it in theirs", async () => {
    const [live, away, stranger] = [await server.live(ada), await now(ben), await personAtDoor(server, door, "eve")];
    const eves = await now(stranger);
    const { id } = await door.ok<{ id: number }>("GET", `/rooms/${room}`);
    expect(await push({ to: { rooms: [room, id] } })).toEqual({ recipients: 1 });
    const { recipients } = await push({ to: { all: true }, data: null });
    expect(recipients).toBeGreaterThan(2);
    await live.until(() => live.of(Push.CUSTOM).length === 2, "both");
    expect(live.of(Push.CUSTOM).map(({ stream }) => stream)).toEqual([`room:${id}`, "all"]);
    expect(await missed(ben, away)).toEqual([
      [`room:${id}`, "shipped", { order: 7 }],
      ["all", "shipped", null],
    ]);
    expect(await missed(stranger, eves)).toEqual([["all", "shipped", null]]);
  });

  test("EVT-3: people and rooms that nobody knows are named with their places, and nothing is done; or they are skipped", async () => {
    const away = await now(ada);
    for (const [to, code, paths] of [
      [{ users: ["nobody", ada.uid, 999_999] }, "unknown_user", ["to.users.0", "to.users.2"]],
      [{ rooms: [room, "nowhere"] }, "unknown_room", ["to.rooms.1"]],
    ] as const) {
      const refused = await door.call("POST", "/events", { to, kind: "a", data: 1 });
      expect(refused).toMatchObject({ status: 422, body: { code } });
      expect((refused.body as { errors: { path: string }[] }).errors.map(({ path }) => path)).toEqual([...paths]);
    }
    expect(await missed(ada, away)).toEqual([]);
    const skip = (to: object) => door.ok("POST", "/events?unknown=skip", { to, kind: "a", data: 1 });
    expect(await skip({ users: ["nobody", ada.uid] })).toEqual({ recipients: 1, skipped: ["nobody"] });
    expect(await skip({ rooms: ["nowhere"] })).toEqual({ recipients: 0, skipped: ["nowhere"] });
    expect(await missed(ada, away)).toHaveLength(1);
  });

  test("EVT-3: a room that was dissolved is not known any more", async () => {
    const { id } = await door.ok<{ id: number }>("GET", `/rooms/${room}`);
    await door.ok("DELETE", `/rooms/${room}`);
    for (const ref of [room, id]) {
      expect((await door.call("POST", "/events", { to: { rooms: [ref] }, kind: "a", data: 1 })).status).toBe(422);
    }
  });

  test("EVT-3: the hall is a room, unless it is switched off", async () => {
    const live = await server.live(ada);
    await push({ to: { rooms: [1] } });
    expect(await live.frame(Push.CUSTOM)).toMatchObject({ stream: "room:1" });
    const off = await TestServer.start({ HALL: "off" });
    try {
      const other = await openDoor(off, "shop");
      const request = { to: { rooms: [1] }, kind: "a", data: 1 };
      expect(await other.call("POST", "/events", request)).toMatchObject({
        status: 422,
        body: { code: "unknown_room" },
      });
    } finally {
      await off.stop();
    }
  });
});

test.each<[name: string, more: object, path: string]>([
  ["no data", { data: undefined }, "data"],
  ["large data", { data: "x".repeat(8191) }, "data"],
  ["a kind with a space", { kind: "a b" }, "kind"],
  ["two kinds of recipients", { to: { users: ["a"], rooms: ["b"] } }, "to"],
  ["too many rooms", { to: { rooms: Array.from({ length: 101 }, (_, n) => `r${n}`) } }, "to.rooms"],
  ["all: false", { to: { all: false } }, "to.all"],
  ["a ttl of what is not logged", { log: false, ttl: 5 }, ""],
  ["a collapseKey of what is not logged", { log: false, collapseKey: "a" }, ""],
])("EVT-4: %s is 400 and named", async (_, more, path) => {
  const reply = await door.call("POST", "/events", { kind: "a", data: 1, to: { users: [ada.uid] }, ...more });
  expect(reply).toMatchObject({ status: 400, body: { code: "invalid" } });
  expect((reply.body as { errors: { path: string }[] }).errors.map((error) => error.path)).toContain(path);
});

test("EVT-4: any JSON of at most 8 KiB comes as it was", async () => {
  const live = await server.live(ada);
  const values = [null, 0, false, "", "x".repeat(8190), [], {}, [[{ "a\u2028": null }]], { "": ["ü😀"] }];
  for (const data of values) await push({ to: { users: [ada.uid] }, data });
  await live.until(() => live.of(Push.CUSTOM).length === values.length, "all of them");
  expect(live.of(Push.CUSTOM).map(({ data }) => data.data)).toEqual(values);
});

describe("log: false", () => {
  test("EVT-5: reaches those who are live, in no stream, and nobody later", async () => {
    const [live, away] = [await server.live(ada), await now(ada)];
    const { pos } = await server.storage.db.selectFrom("log").select("pos").executeTakeFirstOrThrow();
    for (const to of [{ users: [ada.uid] }, { rooms: [room] }, { all: true }]) {
      await push({ to, log: false, data: Object.keys(to)[0] });
    }
    await live.until(() => live.of(Push.CUSTOM).length === 3, "all of them");
    for (const frame of live.of(Push.CUSTOM)) expect([frame.stream, frame.seq]).toEqual([undefined, undefined]);
    expect(live.of(Push.CUSTOM).map(({ data }) => data.data)).toEqual(["users", "rooms", "all"]);
    expect(await missed(ada, away)).toEqual([]);
    expect(await server.storage.db.selectFrom("log").select("pos").executeTakeFirstOrThrow()).toEqual({ pos });
  });

  test("EVT-5, EVT-6: with a dedupeKey it is pushed once", async () => {
    const live = await server.live(ada);
    const request = { to: { users: [ada.uid] }, kind: "once", data: 1, log: false, dedupeKey: `o-${made}` };
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await door.call("POST", "/events", request)).status);
    await push({ to: { users: [ada.uid] }, kind: "end", log: false });
    await live.until(() => live.of(Push.CUSTOM).some(({ data }) => data.kind === "end"), "the end");
    expect([statuses, live.of(Push.CUSTOM).map(({ data }) => data.kind)]).toEqual([
      [201, 200, 200],
      ["once", "end"],
    ]);
  });
});

test("EVT-6: the same dedupeKey again is the first reply, and another request 409", async () => {
  const away = await now(ada);
  const request = { to: { users: [ada.uid, ben.uid] }, kind: "a", data: [1], dedupeKey: `e-${made}` };
  const replies = await Promise.all(Array.from({ length: 10 }, () => door.call("POST", "/events", request)));
  expect(replies.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
  for (const { body } of replies) expect(body as unknown).toEqual({ recipients: 2 });
  expect((await door.call("POST", "/events", { ...request, data: [2] })).body).toMatchObject({
    code: "dedupe_key_reused",
  });
  expect(await missed(ada, away)).toHaveLength(1);
});

describe("what ends", () => {
  const own = () => `user:${ada.uid}`;

  test("EVT-7: what has expired comes later without its data, and live with it", async () => {
    const [live, away] = [await server.live(ada), await now(ada)];
    await push({ to: { users: [ada.uid] }, ttl: 60 });
    expect((await live.frame(Push.CUSTOM)).data).toEqual({ kind: "shipped", data: { order: 7 } });
    clock.advance(59_999);
    expect(await missed(ada, away)).toEqual([[own(), "shipped", { order: 7 }]]);
    clock.advance(1);
    expect(await missed(ada, away)).toEqual([[own(), "shipped", null]]);
  });

  test("EVT-8: of those with one collapseKey only the newest of a stream comes with its data", async () => {
    const [adas, bens] = [await now(ada), await now(ben)];
    const collapseKey = `c-${made}`;
    const to = (...people: Person[]) => ({ users: people.map(({ uid }) => uid) });
    await push({ to: to(ada, ben), collapseKey, data: 1 });
    // Read, and so in memory, had it been kept there.
    await missed(ada, adas);
    await push({ to: to(ada, ben), collapseKey: `${collapseKey} other`, data: 2 });
    await push({ to: to(ada), collapseKey, kind: "again", data: 3 });
    await push({ to: { rooms: [room] }, collapseKey, data: 4 });
    expect((await missed(ada, adas)).map(([, kind, data]) => [kind, data])).toEqual([
      ["shipped", null],
      ["shipped", 2],
      ["again", 3],
      ["shipped", 4],
    ]);
    expect((await missed(ben, bens)).map(([, , data]) => data)).toEqual([1, 2, 4]);
  });

  test("EVT-8: of one that went to two rooms only that room's is replaced which has a later one", async () => {
    await door.ok("PUT", `/rooms/${room}-b`, {});
    await door.ok("POST", `/rooms/${room}-b/members`, { add: [ada.uid] });
    const away = await now(ada);
    await push({ to: { rooms: [room, `${room}-b`] }, collapseKey: "two", data: 1 });
    await push({ to: { rooms: [room] }, collapseKey: "two", data: 2 });
    expect((await missed(ada, away)).map(([, , data]) => data)).toEqual([null, 1, 2]);
  });

  test("EVT-8: many at once, and the newest of all of them comes with its data", async () => {
    const away = await now(ada);
    const all = Array.from({ length: 40 }, (_, n) => n);
    await Promise.all(all.map((data) => push({ to: { users: [ada.uid] }, collapseKey: "many", data })));
    const data = (await missed(ada, away)).map(([, , one]) => one);
    expect(data).toHaveLength(40);
    expect(data.slice(0, -1)).toEqual(Array(39).fill(null));
    expect(all).toContain(data.at(-1) as number);
  });

  test("EVT-9: its content is removed when its events have left the log, and not before", async () => {
    const stored = () => server.storage.db.selectFrom("custom_events").select("id").orderBy("id").execute();
    const latest = () => server.storage.db.selectFrom("custom_latest").select("id").execute();
    const look = async () => {
      for (let after: number | null = 0; after !== null; ) {
        ({ after } = await server.storage.writes.run(removeUnusedEvents, { after }));
      }
    };
    await look();
    const before = await stored();
    await push({ to: { users: [ada.uid, ben.uid] }, collapseKey: "gone", data: 1 });
    await look();
    expect(await stored()).toHaveLength(before.length + 1);
    const mine = (await stored()).at(-1)?.id as number;
    for (const person of [ada, ben]) await push({ to: { users: [person.uid] }, data: 2 });
    clock.advance(2 * 86_400_000);
    await push({ to: { users: [ada.uid, ben.uid] }, data: 3 });
    const left = () => server.storage.db.selectFrom("events").select("pos").where("message_id", "=", mine).execute();
    const deadline = performance.now() + 20_000;
    while ((await left()).length > 0 && performance.now() < deadline) await delay(100);
    await look();
    expect((await stored()).map(({ id }) => id)).not.toContain(mine);
    expect((await latest()).map(({ id }) => id)).not.toContain(mine);
  }, 30_000);
});
