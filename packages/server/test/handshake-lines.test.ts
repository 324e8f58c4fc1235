import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { Push } from "@parley/protocol";
import { Logins } from "../src/identity/logins.ts";
import { delay } from "../src/lib/interval.ts";
import { administrator } from "./administrator.ts";
import { TestServer } from "./harness.ts";
import { exchange, handshakeText, rawRequest, requestText } from "./raw-http.ts";
import { StillTime } from "./still-time.ts";

/** Each handshake has one line in the log and one count of its outcome, and every answer has a name. */
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ LOG_LEVEL: "info", HALL: "public", MAX_CONNECTIONS: "3" });
}, 30_000);
afterAll(() => server.stop());

const port = (of = server) => Number(new URL(of.url).port);
const linesOf = (requestId: string | null, of = server) =>
  of.log.map((text) => JSON.parse(text)).filter((line) => line.requestId === requestId);
/** A handshake that is accepted, and stays open until it has its line: that comes when its token was looked up, which may be after its answer. */
async function accepted(bytes: string) {
  const { socket, answered } = rawRequest({ url: server.url, bytes, onBytes: () => {}, onEnd: () => {} });
  const { status, headers } = await answered;
  const requestId = headers.get("X-Request-Id");
  for (let n = 0; n < 500 && linesOf(requestId).length === 0; n++) await delay(10);
  socket.destroy();
  return { status, lines: linesOf(requestId) };
}

async function outcomes(of = server): Promise<Record<string, number>> {
  const page = await (await fetch(`${of.url}/metrics`)).text();
  const found = [...page.matchAll(/^parley_handshakes_total\{outcome="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(found.map(([, outcome, count]) => [outcome, Number(count)]));
}

const REFUSED = [
  ["of another version", handshakeText({ "Sec-WebSocket-Version": "8" }), 426, "upgrade_required"],
  ["without a key", handshakeText({ "Sec-WebSocket-Key": null }), 400, "handshake_invalid"],
  ["by another method", handshakeText({}, "POST /ws?token=pl_secretsecret HTTP/1.1"), 405, "method_not_allowed"],
  ["of a foreign page", handshakeText({ Origin: "https://elsewhere.example" }), 403, "origin_forbidden"],
] as const;

test.each(REFUSED)(
  "OBS-1, HTTP-9: a handshake %s leaves one line and one count, and its refusal is named",
  async (_, text, status, outcome) => {
    const before = (await outcomes())[outcome] ?? 0;
    const reply = await exchange(port(), text);
    expect(reply.status).toBe(status);
    expect(reply.headers.get("X-Content-Type-Options")).toBe("nosniff");
    const lines = linesOf(reply.headers.get("X-Request-Id"));
    expect(lines).toEqual([
      expect.objectContaining({ level: "info", path: "/ws", status, outcome, ip: "127.0.0.1", msg: "request" }),
    ]);
    expect((await outcomes())[outcome]).toBe(before + 1);
  },
);

test("OBS-1, HTTP-9: one that is accepted leaves one line with the connection's id and without its token, and its answer is named", async () => {
  const ann = await server.person("ann");
  const before = (await outcomes()).accepted ?? 0;
  const { status, lines } = await accepted(handshakeText({}, `GET /websocket?token=${ann.token}&idle=60 HTTP/1.1`));
  expect(status).toBe(101);
  expect(lines).toEqual([
    {
      level: "info",
      time: expect.any(String),
      requestId: expect.any(String),
      method: "GET",
      path: "/websocket",
      status: 101,
      ms: expect.any(Number),
      ip: "127.0.0.1",
      outcome: "accepted",
      uid: ann.uid,
      loginId: expect.any(Number),
      connection: expect.stringMatching(/^[\w-]{22}$/),
      msg: "request",
    },
  ]);
  expect(server.log.join("")).not.toContain(ann.token);
  expect((await outcomes()).accepted).toBe(before + 1);
});

test("OBS-1: one whose token is not valid is open, and is counted apart; an anonymous one is accepted", async () => {
  const before = await outcomes();
  const bad = await server.connect({ token: "pl_never_given_out" });
  await bad.frame(Push.INVALIDATE_TOKEN);
  expect((await outcomes()).bad_token).toBe((before.bad_token ?? 0) + 1);
  bad.close();
  const [line] = (await accepted(handshakeText())).lines;
  expect(line).toMatchObject({ outcome: "accepted", status: 101 });
  expect(line).not.toHaveProperty("uid");
});

test("OBS-1: one that ends before its token was checked leaves its line too", async () => {
  const { promise: never, resolve: end } = Promise.withResolvers<undefined>();
  using find = spyOn(Logins.prototype, "find").mockReturnValue(never);
  const before = (await outcomes()).gone ?? 0;
  const waiting = await server.connect({ token: "pl_never_given_out" });
  waiting.close();
  for (let n = 0; n < 200 && ((await outcomes()).gone ?? 0) === before; n++) await delay(10);
  expect((await outcomes()).gone).toBe(before + 1);
  find.mockRestore();
  end(undefined);
});

test("OBS-2: the line of a request names the person by their uid", async () => {
  const ann = await server.person("annabel");
  const reply = await fetch(`${server.url}/api/v1/me`, { headers: { Authorization: `Bearer ${ann.token}` } });
  expect(linesOf(reply.headers.get("X-Request-Id"))).toMatchObject([{ path: "/api/v1/me", uid: ann.uid, status: 200 }]);
  const nobody = await fetch(`${server.url}/api/v1/me`);
  const [line] = linesOf(nobody.headers.get("X-Request-Id"));
  expect(line).toMatchObject({ status: 401 });
  expect(line).not.toHaveProperty("uid");
});

test("OBS-1: one that is closed as soon as it is open is counted by the reason", async () => {
  const own = await TestServer.start({ LOG_LEVEL: "info", MAX_CONNECTIONS: "1" });
  const held = await own.connect();
  await exchange(port(own), handshakeText());
  expect(await outcomes(own)).toMatchObject({ accepted: 1, full: 1 });
  held.close();

  const admin = await administrator(own, "root");
  await admin.api.ok("PUT", "/admin/bans/ips/203.0.113.9", {});
  const banned = await exchange(port(own), handshakeText({ "X-Forwarded-For": "203.0.113.9" }));
  expect(banned.status).toBe(101);
  expect(linesOf(banned.headers.get("X-Request-Id"), own)).toMatchObject([{ outcome: "banned", ip: "203.0.113.9" }]);
  expect((await outcomes(own)).banned).toBe(1);
  await own.stop();
});

test("OBS-1, HTTP-6: one that fails by a fault of ours is 500 and says so in the log", async () => {
  using find = spyOn(Logins.prototype, "find").mockRejectedValue(new Error("the disk is gone"));
  // The token is checked before the upgrade only if its address has had too many handshakes.
  const own = await TestServer.start({ LOG_LEVEL: "info", RATE_LIMITS: "on" });
  using _time = new StillTime();
  let status = 101;
  for (let n = 0; n < 200 && status === 101; n++) ({ status } = await exchange(port(own), handshakeText()));
  expect(status).toBe(429);
  const reply = await exchange(port(own), handshakeText({}, "GET /ws?token=pl_whoever HTTP/1.1"));
  find.mockRestore();
  expect(reply.status).toBe(500);
  expect(linesOf(reply.headers.get("X-Request-Id"), own)).toMatchObject([{ level: "error", outcome: "internal" }]);
  expect(
    own.log.filter((line) => line.includes("a handshake failed") && line.includes("the disk is gone")),
  ).not.toEqual([]);
  await own.stop();
});

test("HTTP-9: every kind of answer is named, by a name of its own", async () => {
  const ann = await server.person("anna");
  const headers = { Authorization: `Bearer ${ann.token}` };
  const asked: [path: string, init: RequestInit | undefined, status: number][] = [
    ["/", undefined, 200],
    ["/healthz", undefined, 200],
    ["/metrics", undefined, 200],
    ["/docs", undefined, 200],
    ["/openapi.json", undefined, 200],
    ["/parley-client.js", undefined, 200],
    ["/nowhere", undefined, 404],
    ["/api/v1/me", undefined, 401],
    ["/api/v1/me", { headers }, 200],
    ["/api/v1/me", { method: "PUT", headers }, 405],
    ["/api/v1/events", { headers }, 200],
    ["/api/v1/events/stream", { headers }, 200],
    ["/api/v1/accounts", { method: "POST", body: "x".repeat(70_000) }, 413],
    ["/api/v1/accounts", { method: "POST", body: "{", headers: { "Content-Type": "application/json" } }, 400],
    ["/api/v1/me", { method: "OPTIONS", headers: { Origin: server.url, "Access-Control-Request-Method": "GET" } }, 204],
  ];
  const ids = new Set<string>();
  for (const [path, init, status] of asked) {
    const abort = new AbortController();
    const reply = await fetch(server.url + path, { ...init, signal: abort.signal });
    expect([path, reply.status]).toEqual([path, status]);
    ids.add(reply.headers.get("X-Request-Id") ?? path);
    abort.abort();
  }
  const malformed = await exchange(port(), requestText("GET / HTTP/1.1", { Host: "a b", Connection: "close" }));
  ids.add(malformed.headers.get("X-Request-Id") ?? "malformed");
  expect([...ids].filter((id) => !/^[\w-]{8}-\w+$/.test(id))).toEqual([]);
  expect(ids.size).toBe(asked.length + 1);
});
