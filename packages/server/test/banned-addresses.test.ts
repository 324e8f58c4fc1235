/** Tries a banned address on every door; the requests come through a trusted proxy on this machine, which names it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { LOCAL_RATES } from "../src/limits/limits.ts";
import { administrator } from "./administrator.ts";
import { atOnce } from "./at-once.ts";
import { pollsHang } from "./hanging-polls.ts";
import { type Person, say, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";
import { SseReader } from "./sse-reader.ts";
import { StillTime } from "./still-time.ts";

const BANNED = "203.0.113.7";
const OTHER = "203.0.114.7";
const RANGE = "203.0.113.0/24";

let server: TestServer;
let root: Person;
let ann: Person;
beforeAll(async () => {
  server = await TestServer.start({ HALL: "public", RATE_LIMITS: "on" });
  root = await administrator(server, "root");
  ann = await server.person("ann");
}, 30_000);
afterAll(() => server.stop());
afterEach(() => unban());

const from = (ip: string) => ({ "X-Forwarded-For": ip });
const ban = (body: object = {}) => root.api.ok("PUT", `/admin/bans/ips/${encodeURIComponent(RANGE)}`, body);
const unban = () => root.api.ok("DELETE", `/admin/bans/ips/${encodeURIComponent(RANGE)}`);
const live = async (ip: string, token?: string): Promise<LiveClient> => {
  const client = await server.connect({ headers: from(ip), ...(token === undefined ? {} : { token }) });
  await client.frame(Push.READY);
  return client;
};

test("BAN-8: every request is 403 with the end and the reason, whoever asks and for whatever", async () => {
  const until = Date.now() + 60_000;
  await ban({ until, reason: "flood" });
  const told = { code: "banned", status: 403, detail: "flood", until, reason: "flood" };
  for (const [method, path, body] of [
    ["GET", "/me"],
    ["GET", "/rooms/1/messages"],
    ["GET", "/events"],
    ["GET", "/events/stream"],
    ["POST", "/logins", { name: "ann", password: "a long password" }],
    ["POST", "/accounts", { name: "new", password: "a long password" }],
    ["POST", "/qr-logins"],
    ["GET", "/nothing"],
  ] as const) {
    const { status, body: problem } = await ann.api.call(method, path, body, from(BANNED));
    expect([path, status, problem]).toEqual([path, 403, expect.objectContaining(told)]);
  }
  expect((await ann.api.call("GET", "/me", undefined, from(OTHER))).status).toBe(200);
  for (const path of ["/", "/healthz", "/docs", "/parley-client.js"]) {
    const page = await fetch(`${server.url}${path}`, { headers: from(BANNED) });
    expect([path, page.status, page.headers.get("Connection")]).toEqual([path, 403, "close"]);
    await page.text();
  }
}, 30_000);

test("BAN-8: a handshake is accepted and closed with 4003, and no token is looked at", async () => {
  await ban({ reason: "flood" });
  for (const token of [undefined, ann.token, "pl_wrong"]) {
    const client = await server.connect({ headers: from(BANNED), ...(token === undefined ? {} : { token }) });
    expect(await client.ended()).toEqual({ code: 4003, reason: "banned" });
    expect(client.frames.map(({ type, data }) => [type, data.code, data.message])).toEqual([
      [Push.ERROR, "banned", "flood"],
    ]);
  }
  const other = await live(OTHER, ann.token);
  other.close();
});

test("BAN-8: handshakes from there are counted by address, and told to wait beyond that", async () => {
  using _time = new StillTime();
  await ban();
  const address = { "X-Forwarded-For": "203.0.113.99" };
  const tries = Array.from({ length: 70 }, () =>
    server.connect({ headers: address, token: ann.token }).then(
      (client) => client.ended().then(({ code }) => code),
      () => "refused",
    ),
  );
  const codes = await Promise.all(tries);
  // A client sees 1006 if the handshake was refused.
  expect(new Set(codes)).toEqual(new Set([4003, 1006]));
  expect(codes.filter((code) => code === 4003)).toHaveLength(LOCAL_RATES.handshakes.burst);
}, 30_000);

test("BAN-8: it holds over a restart, from the first request on", async () => {
  const other = await TestServer.start();
  const admin = await administrator(other, "root");
  await admin.api.ok("PUT", "/admin/bans/ips/203.0.113.7", { reason: "flood" });
  await other.restart();
  const reply = await fetch(`${other.url}/api/v1/me`, { headers: from("203.0.113.7") });
  expect([reply.status, ((await reply.json()) as { reason: string }).reason]).toEqual([403, "flood"]);
  await other.stop();
});

describe("BAN-8: what is open from there ends within a second, and nothing else", () => {
  test("connections, signed in and anonymous", async () => {
    const [mine, anonymous, elsewhere] = [
      await live(BANNED, ann.token),
      await live(BANNED),
      await live(OTHER, ann.token),
    ];
    await ban();
    for (const client of [mine, anonymous]) {
      await atOnce(server, "a connection from there has ended", () => client.closed);
      expect(client.closed).toEqual({ code: 4003, reason: "banned" });
    }
    await elsewhere.echo();
    elsewhere.close();
  });

  test("event streams", async () => {
    const stream = (ip: string) => SseReader.open(server.url, ann.token, "", from(ip));
    const [mine, elsewhere] = [await stream(BANNED), await stream(OTHER)];
    await Promise.all([mine.frame(Push.READY), elsewhere.frame(Push.READY)]);
    await ban();
    let ended: unknown;
    void mine.ended().then((how) => {
      ended = how;
    });
    await atOnce(server, "the stream from there has ended", () => ended);
    expect((await mine.frame(Push.ERROR)).data.code).toBe("banned");
    await say(ann, 1, "still here");
    await elsewhere.frame(Push.MESSAGE);
    elsewhere.close();
  });

  test("hanging polls, signed in and anonymous", async () => {
    const { cursor } = await ann.api.ok<{ cursor: string }>("GET", "/events");
    const poll = (ip: string, api = ann.api) =>
      api.call("GET", `/events?wait=20&cursor=${cursor}`, undefined, from(ip));
    const [mine, anonymous, elsewhere] = [poll(BANNED), poll(BANNED, server.api), poll(OTHER)];
    await pollsHang(server.url, 3);
    await ban({ reason: "flood" });
    const replies: unknown[] = [];
    for (const one of [mine, anonymous]) void one.then((reply) => replies.push(reply));
    await atOnce(server, "the polls from there are answered", () => replies.length === 2);
    for (const reply of replies) {
      expect(reply).toMatchObject({ status: 403, body: { code: "banned", reason: "flood" } });
    }
    await say(ann, 1, "for the other one");
    expect((await elsewhere).status).toBe(200);
  });
});
