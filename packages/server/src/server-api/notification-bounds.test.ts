import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Person, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { StillTime } from "../../test/still-time.ts";

/** What a notification may be, and how many there may be of one key. */
let server: TestServer;
let door: Door;
let made = 0;
let ada: Person;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
}, 20_000);
afterAll(() => server.stop());
beforeEach(async () => {
  made += 1;
  ada = await personAtDoor(server, door, `ada-${made}`);
});

const NOTICE = { kind: "approval", title: "A request", text: "Three days off" };
const toAda = () => ({ to: { users: [ada.uid] } });
const notify = (more: object) => door.ok<{ id: number }>("POST", "/notifications", { ...NOTICE, ...more });
const newest = async () => (await ada.api.ok<{ items: { data: unknown }[] }>("GET", "/notifications")).items[0];

test.each<[name: string, more: object, path: string]>([
  ["nobody", { to: { users: [] } }, "to.users"],
  ["two kinds of people", { to: { users: ["ada"], all: true } }, "to"],
  ["neither", { to: {} }, "to"],
  ["rooms", { to: { rooms: ["a"] } }, "to"],
  ["too many people", { to: { users: Array.from({ length: 1001 }, (_, n) => `u${n}`) } }, "to.users"],
  ["no kind", { kind: undefined }, "kind"],
  ["a kind with capitals", { kind: "Approval" }, "kind"],
  ["a kind that no address can have", { kind: ".." }, "kind"],
  ["a key that no address can have", { key: "." }, "key"],
  ["an empty title", { title: "" }, "title"],
  ["a long title", { title: "x".repeat(201) }, "title"],
  ["a title of two lines", { title: "a\nb" }, "title"],
  ["a long text", { text: "x".repeat(2001) }, "text"],
  ["a link that runs", { link: "javascript:alert(1)" }, "link"],
  ["a link to another host", { link: "//elsewhere.example" }, "link"],
  ["a long link", { link: `/${"x".repeat(2048)}` }, "link"],
  ["large data", { data: "x".repeat(8191) }, "data"],
  ["an empty key", { key: "" }, "key"],
  ["a long dedupeKey", { dedupeKey: "x".repeat(129) }, "dedupeKey"],
  ["no ttl at all", { ttl: 0 }, "ttl"],
  ["a ttl of more than 90 days", { ttl: 90 * 86_400 + 1 }, "ttl"],
  ["another field", { colour: "red" }, ""],
])("NTF-4: %s is 400 and named", async (_, more, path) => {
  const reply = await door.call("POST", "/notifications", { ...NOTICE, ...toAda(), ...more });
  expect(reply).toMatchObject({ status: 400, body: { code: "invalid" } });
  const { errors } = reply.body as { errors: { path: string }[] };
  expect([...new Set(errors.map((error) => error.path))]).toEqual([path]);
});

test("NTF-4: what is just short enough is sent, and shown as it was", async () => {
  const most = {
    kind: "k".repeat(64),
    title: "😀".repeat(200),
    text: `${"ä".repeat(1999)}\n`,
    link: `https://example.com/${"x".repeat(2028)}`,
    data: "x".repeat(8190),
  };
  const { id } = await notify({ ...toAda(), ...most, key: "😀".repeat(128), ttl: 90 * 86_400 });
  expect(await newest()).toMatchObject({ id, ...most });
  for (const link of ["/", "/a?b=c#d", "http://localhost:8080"]) await notify({ ...toAda(), link });
  for (const data of [null, false, 0, "", [], { a: [null] }]) {
    await notify({ ...toAda(), data });
    expect((await newest())?.data).toEqual(data);
  }
});

test("NTF-11: a key's recipients and what it sends to everybody have rates of their own, changes too", async () => {
  // One more a second to everybody would pass.
  using _time = new StillTime();
  const strict = await TestServer.start({ RATE_LIMITS: "on" });
  try {
    const own = await openDoor(strict, "small", { recipientsRate: 1, allRate: 1 });
    await own.ok("POST", "/users", { items: Array.from({ length: 50 }, (_, n) => ({ externalId: `u${n}` })) });
    const users = Array.from({ length: 50 }, (_, n) => `u${n}`);
    const { id } = await own.ok<{ id: number }>("POST", "/notifications", { ...NOTICE, to: { users }, key: "k" });
    // A thousand at once: this was a twentieth of them.
    for (let n = 1; n < 10; n++) await own.ok("PATCH", `/notifications/${id}`, { title: `${n}` });
    for (let n = 0; n < 9; n++) await own.ok("POST", "/events", { to: { users }, kind: "a", data: n });
    await own.ok("PUT", "/notifications/approval/k/done");
    const refused = await own.call("POST", "/notifications", { ...NOTICE, to: { users } });
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect((await own.call("DELETE", "/notifications/approval/k")).status).toBe(429);
    for (let n = 0; n < 10; n++) await own.ok("POST", "/events", { to: { all: true }, kind: "a", data: n });
    expect((await own.call("POST", "/notifications", { ...NOTICE, to: { all: true } })).status).toBe(429);
  } finally {
    await strict.stop();
  }
}, 30_000);
