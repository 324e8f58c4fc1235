import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ApiClient } from "../../test/api-client.ts";
import { TestServer } from "../../test/harness.ts";
import { type Door, openDoor } from "../../test/server-door.ts";
import { StillTime } from "../../test/still-time.ts";
import { openKeyRing } from "../cli/key-ring.ts";
import { newKey } from "../keys/key-form.ts";
import { delay } from "../lib/interval.ts";

let server: TestServer;
let door: Door;
beforeAll(async () => {
  server = await TestServer.start({ METRICS_TOKEN: "metrics-token-0123", LOG_LEVEL: "info" });
  door = await openDoor(server, "shop");
  await door.ok("PUT", "/users/42", { name: "Ada" });
}, 20_000);
afterAll(() => server.stop());

const at = (key: string | undefined) => new ApiClient(server.url, key, "/server");
const refusal = async (client: ApiClient, method: string, path: string, body?: unknown, headers = {}) => {
  const reply = await client.call<{ code: string }>(method, path, body, headers);
  return [reply.status, reply.body?.code];
};

const MESSAGE = { room: "a", clientId: "m", type: 1, body: { content: "hello" } };

const NOTIFICATION = { to: { users: ["42"] }, kind: "a", title: "b", text: "c" };
const EVENT = { to: { users: ["42"] }, kind: "a", data: null };

/** Every route of the door with a request that is well-formed; more are added with each feature. */
const ROUTES: [route: string, scope: string, path: string, body?: unknown][] = [
  ["PUT /users/{user}", "users", "/users/nobody", {}],
  ["GET /users/{user}", "users", "/users/nobody"],
  ["DELETE /users/{user}", "users", "/users/nobody"],
  ["POST /users", "users", "/users", { items: [{ externalId: "nobody" }] }],
  ["POST /users/{user}/tokens", "tokens", "/users/nobody/tokens", {}],
  ["DELETE /users/{user}/logins", "tokens", "/users/nobody/logins"],
  ["PUT /rooms/{room}", "rooms", "/rooms/a", {}],
  ["GET /rooms/{room}", "rooms", "/rooms/a"],
  ["DELETE /rooms/{room}", "rooms", "/rooms/b"],
  ["GET /rooms/{room}/messages", "rooms", "/rooms/a/messages"],
  ["POST /presence", "presence", "/presence", { users: ["42"] }],
  ["POST /messages", "messages", "/messages", { room: "a", clientId: "d", type: 1, body: { content: "hello" } }],
  ["GET /feed", "feed", "/feed"],
  ["POST /rooms/{room}/members", "rooms", "/rooms/a/members", { add: ["42"] }],
  ["POST /notifications", "notifications", "/notifications", NOTIFICATION],
  ["PATCH /notifications/{id}", "notifications", "/notifications/1", { done: true }],
  ["PUT /notifications/{kind}/{key}/done", "notifications", "/notifications/a/b/done"],
  ["DELETE /notifications/{kind}/{key}", "notifications", "/notifications/a/b"],
  ["POST /events", "events", "/events", EVENT],
];

test("SRV-2: every route of the door is named here, and its document says that it needs a server key", async () => {
  const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { security: unknown }>>;
  };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    path.startsWith("/api/v1/server/") ? Object.keys(methods).map((m) => `${m.toUpperCase()} ${path.slice(14)}`) : [],
  );
  expect(ROUTES.map(([route]) => route).sort()).toEqual(routes.sort());
  for (const [path, methods] of Object.entries(paths)) {
    for (const { security } of Object.values(methods)) {
      const isKeyed = JSON.stringify(security) === JSON.stringify([{ serverKey: [] }]);
      expect([path, isKeyed]).toEqual([path, path.startsWith("/api/v1/server/")]);
    }
  }
});

describe.each(ROUTES)("%s", (route, scope, path, body) => {
  const method = route.split(" ")[0] as string;

  test("SRV-2: without a valid server key it is 401", async () => {
    const ann = await server.person(`ann ${method} ${path}`.slice(0, 32));
    for (const key of [undefined, "", newKey(), "ps_", ann.token, `${door.key}x`]) {
      expect(await refusal(at(key), method, path, body)).toEqual([401, "unauthorized"]);
    }
    const basic = { Authorization: `Basic ${door.key}` };
    expect(await refusal(at(undefined), method, path, body, basic)).toEqual([401, "unauthorized"]);
  });

  test("SRV-3: from a browser it is 403, whatever the key", async () => {
    for (const headers of [
      { Origin: "https://shop.example" },
      { Origin: "null" },
      { Origin: server.url },
      { "Sec-Fetch-Site": "same-origin" },
    ]) {
      for (const key of [undefined, newKey(), door.key]) {
        expect(await refusal(at(key), method, path, body, headers)).toEqual([403, "key_in_browser"]);
      }
    }
  });

  test("SRV-4: without its scope it is 403, and the scope is named", async () => {
    const poor = await openDoor(server, `without-${method}-${path.replaceAll("/", ".")}`, {
      scopes: [scope === "feed" ? "users" : "feed"],
    });
    const reply = await poor.call(method, path, body);
    expect(reply).toMatchObject({ status: 403, body: { code: "scope_missing", scope } });
    const rich = await openDoor(server, `with-${method}-${path.replaceAll("/", ".")}`, { scopes: [scope as never] });
    expect((await rich.call(method, path, body)).status).not.toBe(403);
  });
});

test("SRV-2: a server key is 401 on every other route and transport, and counts as a bad token there", async () => {
  const elsewhere = new ApiClient(server.url, door.key);
  for (const [method, path] of [
    ["GET", "/me"],
    ["POST", "/accounts"],
    ["GET", "/events"],
    ["GET", "/events/stream"],
    ["GET", "/doctor"],
    ["GET", "/nowhere"],
  ] as const) {
    expect(await refusal(elsewhere, method, path)).toEqual([401, "unauthorized"]);
  }
  expect(await refusal(new ApiClient(server.url), "GET", `/events?token=${door.key}`)).toEqual([401, "unauthorized"]);
  const live = await server.connect({ token: door.key });
  await live.frame(6);
  expect(live.frames.map(({ type }) => type)).toEqual([6]);
});

test("SRV-2: a token on the door and a key elsewhere use up what an address has for bad tokens", async () => {
  using _ = new StillTime();
  const strict = await TestServer.start({ RATE_LIMITS: "on" });
  try {
    const own = await openDoor(strict, "shop");
    const codes = new Set<string>();
    for (let n = 0; n < 30; n++) {
      codes.add(String(await refusal(new ApiClient(strict.url, newKey(), "/server"), "GET", "/users/42")));
      codes.add(String(await refusal(new ApiClient(strict.url, own.key), "GET", "/me")));
    }
    expect([...codes]).toEqual(["401,unauthorized", "429,rate_limited"]);
    // That does not hold back a valid key.
    expect((await own.call("GET", "/users/42")).status).toBe(404);
  } finally {
    await strict.stop();
  }
}, 30_000);

test("SRV-5: a key that another process revokes is refused within a second", async () => {
  const ring = await openKeyRing({ data: server.data });
  const times: number[] = [];
  try {
    for (const name of ["brief", "briefer", "briefest"]) {
      const { key } = await ring.add({ name, scopes: ["users"], expiresAt: null, rate: null });
      // It works at once, though nobody has told the server.
      expect((await at(key).call("GET", "/users/42")).status).toBe(200);
      await ring.revoke(name);
      const revokedAt = performance.now();
      while ((await at(key).call("GET", "/users/42")).status !== 401) await delay(20);
      times.push(performance.now() - revokedAt);
    }
  } finally {
    await ring.close();
  }
  // Twice a second the server looks at what others have written. The first time it may have done so by chance; the others begin just behind a look.
  expect(Math.min(...times.slice(1))).toBeLessThan(2000);
}, 40_000);

test("SRV-6: log lines and metrics have the key's name, and never the key", async () => {
  server.log.length = 0;
  await door.call("GET", "/users/42");
  await door.call("GET", `/users/${door.key}`);
  await new ApiClient(server.url, door.key).call("GET", "/me");
  await new ApiClient(server.url).call("GET", `/events?token=${door.key}`);
  const lines = server.log.filter((line) => line.includes("/server/users/")).map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { key: "shop", path: "/api/v1/server/users/42", status: 200 },
    { key: "shop", path: "/api/v1/server/users/[hidden]", status: 404 },
  ]);
  const metrics = await (
    await fetch(`${server.url}/metrics`, { headers: { Authorization: "Bearer metrics-token-0123" } })
  ).text();
  expect(metrics).toMatch(/^parley_server_key_requests_total\{key="shop",status="200"\} \d+$/m);
  for (const text of [server.log.join(""), metrics]) expect(text).not.toContain(door.key.slice(3));
});

describe("SRV-7: what is sent", () => {
  const BYTES = 262_144;
  /** JSON of so many bytes. */
  const bodyOf = (bytes: number) => {
    const empty = JSON.stringify({ name: "" }).length;
    return JSON.stringify({ name: "x".repeat(bytes - empty) });
  };
  const put = (body: BodyInit, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/api/v1/server/users/42`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${door.key}`, "Content-Type": "application/json", ...headers },
      body,
    });
  const chunked = (text: string) =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    });

  test("may have 256 KiB, declared or chunked", async () => {
    // A name of that length is not valid, which is noticed only after the body was read.
    expect((await put(bodyOf(BYTES))).status).toBe(400);
    expect((await put(chunked(bodyOf(BYTES)))).status).toBe(400);
    expect((await put(bodyOf(BYTES + 1))).status).toBe(413);
    expect((await put(chunked(bodyOf(BYTES + 1)))).status).toBe(413);
  });

  test.each<[method: string, path: string, body: unknown, errorPath: string]>([
    ["PUT", "/users/42", { name: "Ada", colour: "red" }, ""],
    ["POST", "/users", { items: [{ externalId: "42" }], colour: "red" }, ""],
    ["POST", "/users", { items: [{ externalId: "42" }, { externalId: "43", colour: "red" }] }, "items.1"],
    ["POST", "/users/42/tokens", { ttlSeconds: 60, colour: "red" }, ""],
    ["PUT", "/rooms/a", { name: "a", colour: "red" }, ""],
    ["POST", "/rooms/a/members", { add: [], colour: "red" }, ""],
    ["POST", "/presence", { users: [], colour: "red" }, ""],
    ["POST", "/notifications", { ...NOTIFICATION, colour: "red" }, ""],
    ["POST", "/notifications", { ...NOTIFICATION, to: { users: ["42"], colour: "red" } }, "to"],
    ["PATCH", "/notifications/1", { done: true, colour: "red" }, ""],
    ["POST", "/events", { ...EVENT, colour: "red" }, ""],
    ["POST", "/events", { ...EVENT, to: { all: true, colour: "red" } }, "to"],
    ["POST", "/messages", { ...MESSAGE, colour: "red" }, ""],
    ["POST", "/messages", { ...MESSAGE, body: { content: "x", colour: "red" } }, "body"],
    ["POST", "/messages", { ...MESSAGE, type: 100, body: { kind: "a", text: "b", colour: "red" } }, "body"],
    ["POST", "/messages", { items: [MESSAGE], colour: "red" }, ""],
    ["POST", "/messages", { items: [MESSAGE, { ...MESSAGE, colour: "red" }] }, "items.1"],
    ["POST", "/messages", { items: [MESSAGE, { ...MESSAGE, body: { content: "x", colour: "red" } }] }, "items.1.body"],
  ])("%s %s: a field that is not known is 400 and named", async (method, path, body, errorPath) => {
    const reply = await door.call(method, path, body);
    expect(reply).toMatchObject({ status: 400, body: { code: "invalid" } });
    const { errors } = reply.body as { errors: unknown };
    expect(errors).toEqual([{ path: errorPath, message: "has unknown fields: colour" }]);
  });
});

test("SRV-8: a key has its rate, whatever the address, and another key has its own", async () => {
  using time = new StillTime();
  const strict = await TestServer.start({ RATE_LIMITS: "on", TRUSTED_PROXIES: "127.0.0.1" });
  try {
    const slow = await openDoor(strict, "slow", { rate: 2 });
    const usual = await openDoor(strict, "usual");
    let n = 0;
    const ask = (of: Door) => of.call("GET", "/users/42", undefined, { "X-Forwarded-For": `198.51.100.${n++ % 200}` });
    for (let count = 0; count < 10; count++) expect((await ask(slow)).status).toBe(404);
    const refused = await ask(slow);
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(refused.headers.get("Retry-After")).toBe("1");
    expect((await ask(usual)).status).toBe(404);
    time.advance(500);
    expect((await ask(slow)).status).toBe(404);
    expect((await ask(slow)).status).toBe(429);
  } finally {
    await strict.stop();
  }
}, 30_000);
