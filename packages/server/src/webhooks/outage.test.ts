/** An address that is away for long, by the test's clock, and what happens to its events. */
import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { administrator } from "../../test/administrator.ts";
import { ApiClient } from "../../test/api-client.ts";
import { type Person, say, TestServer } from "../../test/harness.ts";
import { type Received, Receiver, until } from "../../test/webhook-receiver.ts";
import { ManualClock } from "../lib/clock.ts";
import { trimEvents } from "../retention/retention-writes.ts";
import { Gate } from "./gate.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Shown {
  id: number;
  failingSince: number | null;
  behind: number;
  deadLetters: number;
  lag: number;
}
interface Letter {
  pos: number;
  event: string;
  stream: string;
  reason: string;
  attempts: number;
}

let server: TestServer;
let clock: ManualClock;
let receiver: Receiver;
let root: Person;
let ann: Person;
/** Tries that the gate has let in, and of which the server has not noticed the outcome. */
let underWay: number;
beforeEach(async () => {
  underWay = 0;
  const { enter, leave } = Gate.prototype;
  spyOn(Gate.prototype, "enter").mockImplementation(async function (this: Gate, dueAt) {
    const mayGo = await enter.call(this, dueAt);
    if (mayGo) underWay += 1;
    return mayGo;
  });
  spyOn(Gate.prototype, "leave").mockImplementation(function (this: Gate, outcome) {
    underWay -= 1;
    leave.call(this, outcome);
  });
  clock = new ManualClock(Date.now());
  server = await TestServer.start({}, { clock });
  receiver = new Receiver();
  root = await administrator(server, "root");
  ann = await server.person("ann");
}, 20_000);
afterEach(async () => {
  await server.stop();
  await receiver.stop();
  jest.restoreAllMocks();
}, 20_000);

async function add(events: readonly string[] | null = ["MESSAGE"]): Promise<number> {
  return (await root.api.ok<{ id: number }>("POST", "/admin/webhooks", { url: receiver.url, events })).id;
}
const shown = async () => (await root.api.ok<{ items: [Shown] }>("GET", "/admin/webhooks")).items[0];
const letters = async (id: number, query = "") =>
  root.api.ok<{ items: Letter[]; nextCursor: string | null }>("GET", `/admin/webhooks/${id}/dead-letters${query}`);
const down = () => new Response("", { status: 503 });
const up = () => new Response("");
const rooms = (count: number) => Promise.all(Array.from({ length: count }, () => server.room(ann, [])));

const nothingUnderWay = () => until("nothing is under way", () => underWay === 0);

/** After that time the address, which gets nothing, is tried once. Nothing may be under way or due before. */
async function probeAfter(ms: number): Promise<void> {
  const before = receiver.received.length;
  clock.advance(ms);
  await receiver.until("a probe", ({ received }) => received.length > before && underWay === 0);
}

/** Time passes, and each due try fails, until the address gets nothing more. */
async function failUntilShut(): Promise<void> {
  await until("it is shut", () => {
    clock.advance(10_000);
    return server.log.some((line) => line.includes("nothing can be delivered to a webhook"));
  });
}

test("HOOK-16: after 20 failures in a row an address is left alone, then tried by one request every 30 seconds", async () => {
  await add();
  receiver.answer = down;
  const ids = await rooms(25);
  for (const roomId of ids) await say(ann, roomId, "one");
  await receiver.until("20 failures", ({ received, open }) => received.length >= 20 && open === 0);
  await until("it is shut", async () => (await shown()).failingSince !== null);
  await nothingUnderWay();
  const failed = receiver.received.length;
  // Those that were in progress when it opened.
  expect(failed).toBeLessThan(28);
  for (const roomId of ids) await say(ann, roomId, "two");
  clock.advance(29_000);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(receiver.received).toHaveLength(failed);
  for (let probe = 1; probe <= 3; probe++) {
    await probeAfter(30_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(receiver.received).toHaveLength(failed + probe);
  }
  receiver.answer = up;
  clock.advance(30_000);
  await receiver.until("everything", () => receiver.texts().length === 50);
  for (const roomId of ids) expect(receiver.texts(`room:${roomId}`)).toEqual(["one", "two"]);
  await until("it is well", async () => (await shown()).failingSince === null && (await shown()).behind === 0);
}, 30_000);

test("HOOK-17: an address that comes back within the day is told everything, in order for each room, also over restarts", async () => {
  await add();
  receiver.answer = down;
  const ids = await rooms(5);
  for (let n = 0; n < 4; n++) for (const roomId of ids) await say(ann, roomId, `text ${n}`);
  await receiver.until("a try", ({ received }) => received.length > 0);
  await failUntilShut();
  for (let n = 4; n < 8; n++) {
    for (const roomId of ids) await say(ann, roomId, `text ${n}`);
    clock.advance(4 * HOUR);
    await server.restart();
    [ann, root] = [ann, root].map((one) => ({ ...one, api: new ApiClient(server.url, one.token) })) as [Person, Person];
  }
  receiver.answer = up;
  const texts = Array.from({ length: 8 }, (_, n) => `text ${n}`);
  // Time passes, since a room whose last try has failed just now waits longer.
  const isAll = () => {
    clock.advance(5000);
    return new Set(receiver.taken.map(({ id }) => id)).size === 40;
  };
  await until("all", isAll, 20_000);
  for (const roomId of ids) {
    // What was delivered just before a restart may come twice; the order stays.
    const told = receiver.texts(`room:${roomId}`);
    expect(told.filter((text, index) => text !== told[index - 1])).toEqual(texts);
  }
  await until("it is well", async () => (await shown()).failingSince === null);
}, 60_000);

test("HOOK-17: what could not be delivered for a day is a dead letter, which keeps no text; what is younger is told", async () => {
  const id = await add();
  const failure = Promise.withResolvers<void>();
  receiver.answer = () => failure.promise.then(down);
  const ids = await rooms(30);
  for (const roomId of ids) await say(ann, roomId, "old");
  await until("each room has its own place", async () => (await shown()).lag === 0);
  failure.resolve();
  await until("it is shut", async () => (await shown()).failingSince !== null);
  await nothingUnderWay();
  for (const roomId of ids) await say(ann, roomId, "old too");
  await probeAfter(12 * HOUR);
  for (const roomId of ids) await say(ann, roomId, "young");
  const before = receiver.received.length;
  await probeAfter(12 * HOUR);
  // A room's first event is tried once more, and given up with the one after it.
  while ((await shown()).deadLetters < 60) await probeAfter(30_000);
  const isOld = ({ data }: Received) => data.message?.body.content !== "young";
  const tried = receiver.received
    .slice(before)
    .filter(isOld)
    .map(({ stream }) => stream);
  expect([tried.length, new Set(tried).size]).toEqual([30, 30]);
  const first = await letters(id, "?limit=50");
  const rest = await letters(id, `?limit=50&cursor=${first.nextCursor}`);
  const all = [...first.items, ...rest.items];
  expect([all.length, rest.nextCursor]).toEqual([60, null]);
  expect(all[0]).toMatchObject({ event: "MESSAGE", stream: `room:${ids[0]}`, reason: "the answer is 503" });
  const { db } = server.storage;
  expect(JSON.stringify(await db.selectFrom("webhook_dead_letters").selectAll().execute())).not.toContain("old");
  receiver.answer = up;
  clock.advance(30_000);
  await receiver.until("the young ones", () => receiver.texts().length === 30);
  expect(receiver.texts()).toEqual(Array.from({ length: 30 }, () => "young"));
  expect(server.log.join("")).toContain("dead letters");
}, 60_000);

test("HOOK-18: a dead letter is told again as its event is then, and is gone when that succeeds", async () => {
  const id = await add(["MESSAGE", "ROOM"]);
  receiver.answer = down;
  const [roomId] = await rooms(1);
  await say(ann, roomId as number, "a secret");
  await ann.api.ok("PATCH", `/rooms/${roomId}`, { name: "new" });
  // A room whose first try takes long is behind before that fails.
  await until("the failure is written", async () => {
    const rows = await server.storage.db.selectFrom("webhook_lanes").select("attempts").execute();
    return rows.some(({ attempts }) => attempts > 0);
  });
  await until("both events are taken", async () => (await shown()).lag === 0);
  clock.advance(DAY);
  await until("both are dead", async () => (await shown()).deadLetters === 2);
  const [message, room] = (await letters(id)).items;
  const retry = (pos: number | undefined) => root.api.call("POST", `/admin/webhooks/${id}/dead-letters/${pos}/retry`);
  expect(await retry(message?.pos)).toMatchObject({
    status: 200,
    body: { delivered: false, reason: "the answer is 503" },
  });
  receiver.answer = up;
  await root.api.ok("DELETE", `/messages/${message?.pos}`);
  // The log forgets both events; the message is still there.
  const { writes, announcer } = server.storage;
  const bounds = { maxAgeMs: 0, minEvents: 0, maxEvents: 0, upTo: announcer.position };
  await writes.runWhenIdle(trimEvents, { streams: [`room:${roomId}`], ...bounds });
  expect(await retry(message?.pos)).toMatchObject({ status: 200, body: { delivered: true, reason: null } });
  const told = receiver.taken.find(({ event, data }) => event === "MESSAGE" && data.message?.id === message?.pos);
  expect(told).toBeDefined();
  expect(told?.text).not.toContain("a secret");
  expect(await retry(message?.pos)).toMatchObject({ status: 404 });
  expect(await retry(room?.pos)).toMatchObject({ status: 404, body: { detail: "This event has left the log" } });
  expect((await shown()).deadLetters).toBe(1);
  await root.api.ok("DELETE", `/admin/webhooks/${id}`);
  const { db } = server.storage;
  for (const table of ["webhook_dead_letters", "webhook_lanes", "followers"] as const) {
    expect(await db.selectFrom(table).selectAll().execute()).toEqual([]);
  }
}, 20_000);

test("RET-9: what a webhook has not been told stays in the log, for a day", async () => {
  await server.stop();
  server = await TestServer.start(
    { RETENTION_DAYS: "0", RETENTION_MIN_EVENTS: "0", RETENTION_MAX_EVENTS: "1" },
    { clock },
  );
  root = await administrator(server, "root");
  ann = await server.person("ann");
  await add();
  receiver.answer = ({ stream }) => (stream === "room:2" ? down() : up());
  const [bad, good] = await rooms(2);
  for (let n = 0; n < 5; n++) {
    await say(ann, bad as number, `text ${n}`);
    await say(ann, good as number, `text ${n}`);
  }
  await receiver.until("the good room", () => receiver.texts("room:3").length === 5);
  await receiver.until("the bad room fails", ({ received }) => received.some(({ stream }) => stream === "room:2"));
  await nothingUnderWay();
  await new Promise((resolve) => setTimeout(resolve, 2500));
  receiver.answer = up;
  clock.advance(10 * MINUTE);
  await receiver.until("the bad room", () => receiver.texts("room:2").length === 5);
  expect(receiver.texts("room:2")).toEqual(Array.from({ length: 5 }, (_, n) => `text ${n}`));
  // Then it may go.
  const count = async () =>
    (await server.storage.db.selectFrom("events").select("pos").where("stream", "=", "room:2").execute()).length;
  await until("it is trimmed", async () => (await count()) <= 1);
}, 60_000);
