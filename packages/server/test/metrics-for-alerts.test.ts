import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { delay } from "../src/lib/interval.ts";
import { uptimeMs } from "../src/lib/uptime.ts";
import { PASSWORD, say, TestServer } from "./harness.ts";
import { takeSpace } from "./no-space.ts";
import { openDoor } from "./server-door.ts";
import { StillTime } from "./still-time.ts";
import { onPostgres, withRaw } from "./test-database.ts";

/** The metrics that alerts depend on, each with the right value. */
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ MAX_CONNECTIONS: "500" });
}, 30_000);
afterAll(() => server.stop());

async function metrics(of = server): Promise<(name: string) => number> {
  const page = await (await fetch(`${of.url}/metrics`)).text();
  return (name) => {
    const line = page.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? Number.NaN : Number(line.slice(name.length + 1));
  };
}

/** A scrape, and the sizes that these files had before and after it: now and then the server writes by itself. */
async function besides(files: readonly string[]): Promise<[(name: string) => number, ...number[]]> {
  const sizes = () => files.map((file) => statSync(file).size);
  for (;;) {
    const before = sizes();
    const value = await metrics();
    if (Bun.deepEquals(before, sizes())) return [value, ...before];
  }
}

/** Scrapes until the number is as expected, for 10 s at most. */
async function until(name: string, isRight: (value: number) => boolean, of = server): Promise<void> {
  let value = Number.NaN;
  for (let n = 0; n < 200 && !isRight(value); n++) {
    value = (await metrics(of))(name);
    if (!isRight(value)) await delay(50);
  }
  expect([name, value, isRight(value)]).toEqual([name, value, true]);
}

const ask = async (sql: string): Promise<number> =>
  (await withRaw(server.place, ({ rows }) => rows<{ count: number }>(sql)))[0]?.count ?? Number.NaN;

test("MET-1: the process says what it is, since when it runs and what it has open", async () => {
  const page = await (await fetch(`${server.url}/metrics`)).text();
  expect(page).toMatch(new RegExp(`^parley_build_info\\{version="0\\.1\\.0",bun="${Bun.version}"\\} 1$`, "m"));
  const value = await metrics();
  expect(Math.abs(value("process_start_time_seconds") * 1000 - performance.timeOrigin)).toBeLessThan(1000);
  expect(value("process_max_fds")).toBeGreaterThanOrEqual(1024);
  expect(value("process_open_fds")).toBeGreaterThan(10);
  const clients = await Promise.all(Array.from({ length: 30 }, () => server.connect()));
  // Each connection has two ends in this process. Others come and go: those that ask, and what earlier tests have left.
  const isOpen = (now: number) => now > 60 && Math.abs(now - readdirSync("/proc/self/fd").length) <= 3;
  await until("process_open_fds", isOpen);
  for (const client of clients) client.close();
}, 20_000);

test("MET-1: connections by transport, their limit, and who is online", async () => {
  const idle = await metrics();
  for (const transport of ["sse", "poll"]) expect(idle(`parley_connections{transport="${transport}"}`)).toBe(0);
  expect(idle("parley_connections_max")).toBe(500);
  const before = idle("parley_people_online");
  const ann = await server.person("ann");
  await Promise.all([server.live(ann), server.live(ann)]);
  await server.live(await server.person("ben"));
  await until("parley_people_online", (now) => now === before + 2);
  await until('parley_connections{transport="websocket"}', (now) => now === 3);
}, 20_000);

test("MET-1: sizes of the database, its journal and the log, and the room on the disk", async () => {
  const ann = await server.person("cai");
  const room = await server.room(ann, []);
  for (let n = 0; n < 5; n++) await say(ann, room, "x".repeat(1000));
  const path = join(server.dir, "data", "parley.db");
  // The files of PostgreSQL are not the server's.
  const [value, database = Number.NaN, journal = Number.NaN] = await besides(onPostgres ? [] : [path, `${path}-wal`]);
  expect(value("parley_database_bytes")).toBe(database);
  expect(value("parley_wal_bytes")).toBe(journal);
  if (!onPostgres) {
    expect(value("parley_wal_bytes")).toBeGreaterThan(5000);
    const { bavail, blocks, bsize } = statfsSync(server.dir);
    expect(Math.abs(value("parley_disk_free_bytes") - bavail * bsize)).toBeLessThan(2 ** 30);
    expect(value("parley_disk_bytes")).toBe(blocks * bsize);
  }
  expect(value("parley_log_position")).toBe(await ask("select pos as count from log"));
  const events = await ask("select count(*) as count from events");
  expect(events).toBeGreaterThan(5);
  await until("parley_log_events", (now) => now === events);
}, 20_000);

test("MET-1: a node on PostgreSQL says whether its bus works, and how many nodes are alive", async () => {
  const expected = onPostgres ? 1 : Number.NaN;
  if (onPostgres) await until("parley_bus_works", (now) => now === 1);
  const value = await metrics();
  expect([value("parley_bus_works"), value("parley_nodes")]).toEqual([expected, expected]);
}, 20_000);

test("MET-1: batches that are stored are timed, and those that cannot be stored are counted", async () => {
  const ann = await server.person("dee");
  const room = await server.room(ann, []);
  const beganMs = uptimeMs();
  const before = await metrics();
  for (let n = 0; n < 3; n++) await say(ann, room, "stored");
  const stored = await metrics();
  const tookMs = uptimeMs() - beganMs;
  expect(stored("parley_commit_seconds_count") - before("parley_commit_seconds_count")).toBeGreaterThanOrEqual(3);
  const took = stored("parley_commit_seconds_sum") - before("parley_commit_seconds_sum");
  expect(took).toBeGreaterThan(0);
  expect(took).toBeLessThan(tookMs / 1000);
  expect(stored("parley_write_failures_total")).toBe(before("parley_write_failures_total"));

  const makeSpace = await takeSpace(server.place, "insert on messages");
  const body = { clientId: "lost", type: 1, body: { content: "lost" } };
  expect((await ann.api.call("POST", `/rooms/${room}/messages`, body)).status).toBeGreaterThanOrEqual(500);
  await makeSpace();
  expect((await metrics())("parley_write_failures_total")).toBe(before("parley_write_failures_total") + 1);
});

test("MET-1: sign-ins are counted by what came of them", async () => {
  await server.person("eva");
  const signIn = (password: string) => server.api.call("POST", "/logins", { name: "eva", password });
  const before = await metrics();
  expect((await signIn(PASSWORD)).status).toBe(201);
  for (let n = 0; n < 3; n++) expect((await signIn("a wrong password")).status).toBe(401);
  expect((await server.api.call("POST", "/logins", { name: "nobody", password: PASSWORD })).status).toBe(401);
  const after = await metrics();
  const rose = (result: string) => {
    const name = `parley_sign_ins_total{result="${result}"}`;
    return after(name) - before(name);
  };
  expect(["done", "wrong", "refused"].map(rose)).toEqual([1, 4, 0]);
});

test("MET-1: whatever a rate refuses is counted by the rate's name, for people, addresses and server keys", async () => {
  const own = await TestServer.start({ RATE_LIMITS: "on" });
  using _time = new StillTime();
  const hits = async (limit: string) => (await metrics(own))(`parley_limit_hits_total{limit="${limit}"}`) || 0;
  const ann = await own.person("ann");
  const room = await own.room(ann, []);
  const sent = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      ann.api.call("POST", `/rooms/${room}/messages`, { clientId: `${n}`, type: 1, body: { content: "hello" } }),
    ),
  );
  const refused = sent.filter(({ status }) => status === 429).length;
  expect(refused).toBeGreaterThan(0);
  expect(await hits("sends")).toBe(refused);
  // These use the person's name with a wrong password, again and again.
  for (let n = 0; n < 7; n++) await own.api.call("POST", "/logins", { name: "ann", password: "a wrong password" });
  expect(await hits("failedSignIns")).toBe(2);
  const wrong = await metrics(own);
  expect(wrong('parley_sign_ins_total{result="wrong"}')).toBe(5);
  expect(wrong('parley_sign_ins_total{result="refused"}')).toBe(2);
  const key = await openDoor(own, "shop", { rate: 1 });
  const asked = await Promise.all(Array.from({ length: 20 }, () => key.call("POST", "/users", { users: [] })));
  const many = asked.filter(({ status }) => status === 429).length;
  expect(many).toBeGreaterThan(0);
  expect(await hits("keyRequests")).toBe(many);
  await own.stop();
}, 20_000);

test("MET-1: a server that drains says so for as long as it answers", async () => {
  const own = await TestServer.start({ DRAIN_DELAY_SECONDS: "5" });
  expect((await metrics(own))("parley_draining")).toBe(0);
  const stopped = own.stop();
  expect((await metrics(own))("parley_draining")).toBe(1);
  await stopped;
}, 30_000);
