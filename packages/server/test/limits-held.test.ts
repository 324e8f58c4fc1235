/** Says which limit holds each route: a new route fails here until it is listed, and each is driven beyond its limit. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAccount } from "../src/identity/accounts-writes.ts";
import { hashOf, newToken } from "../src/identity/tokens.ts";
import { LOCAL_RATES, SHARED_RATES } from "../src/limits/limits.ts";
import { setPower } from "./administrator.ts";
import { ApiClient } from "./api-client.ts";
import { TestServer } from "./harness.ts";
import { StillTime } from "./still-time.ts";

const RATES = { ...LOCAL_RATES, ...SHARED_RATES };

interface Held {
  readonly limit: keyof typeof RATES;
  /** The request beyond the limit; it may also be one that is refused for another reason, since limits come first. */
  readonly path: string;
  readonly body?: unknown;
  /** A request that counts in the same limit and can be repeated, for a route that cannot be. */
  readonly before?: { readonly method: string; readonly path: string; readonly body?: unknown };
}

const SEND = { clientId: "c", type: 1, body: { content: "hello" } };
const NEW_ACCOUNT = { method: "POST", path: "/accounts", body: { name: "ann", password: "a long password" } };
const SIGN_OUT = { method: "DELETE", path: "/logins/99" };
const NO_PROFILE = { method: "PATCH", path: "/me", body: { name: "ann" } };

/** Every route that writes. */
const HELD: Record<string, Held> = {
  "POST /accounts": { limit: "signIns", path: "/accounts", body: NEW_ACCOUNT.body },
  "POST /logins": { limit: "signIns", path: "/logins", body: NEW_ACCOUNT.body, before: NEW_ACCOUNT },
  "POST /logins/refresh": { limit: "loginChanges", path: "/logins/refresh", before: SIGN_OUT },
  "DELETE /logins": { limit: "loginChanges", path: "/logins", before: SIGN_OUT },
  "DELETE /logins/current": { limit: "loginChanges", path: "/logins/current", before: SIGN_OUT },
  "DELETE /logins/{id}": { limit: "loginChanges", path: "/logins/99" },
  "PATCH /me": { limit: "profileChanges", path: "/me", body: NO_PROFILE.body },
  "DELETE /me": { limit: "profileChanges", path: "/me", before: NO_PROFILE },
  "PUT /me/password": {
    limit: "profileChanges",
    path: "/me/password",
    body: { password: "a long password", newPassword: "a longer password" },
    before: NO_PROFILE,
  },
  "POST /qr-logins": { limit: "qrCodes", path: "/qr-logins" },
  "POST /qr-logins/{code}/scan": { limit: "qrSteps", path: "/qr-logins/x/scan" },
  "POST /qr-logins/{code}/confirm": { limit: "qrSteps", path: "/qr-logins/x/confirm" },
  "POST /qr-logins/{code}/reject": { limit: "qrSteps", path: "/qr-logins/x/reject" },
  "POST /rooms": { limit: "roomsMade", path: "/rooms", body: { name: "g" } },
  "POST /rooms/direct": { limit: "roomsMade", path: "/rooms/direct", body: { userId: 99 } },
  "PATCH /rooms/{id}": { limit: "roomChanges", path: "/rooms/99", body: { name: "g" } },
  "PATCH /rooms/{id}/settings": { limit: "ownSettings", path: "/rooms/99/settings", body: { pinned: true } },
  "DELETE /rooms/{id}": { limit: "roomChanges", path: "/rooms/99" },
  "POST /rooms/{id}/members": { limit: "roomChanges", path: "/rooms/99/members", body: { memberIds: [99] } },
  "DELETE /rooms/{id}/members/{uid}": { limit: "roomChanges", path: "/rooms/99/members/99" },
  "PUT /rooms/{id}/members/{uid}/role": { limit: "roomChanges", path: "/rooms/99/members/99/role", body: { role: 2 } },
  "PUT /rooms/{id}/members/{uid}/mute": {
    limit: "roomChanges",
    path: "/rooms/99/members/99/mute",
    body: { until: null },
  },
  "DELETE /rooms/{id}/members/{uid}/mute": { limit: "roomChanges", path: "/rooms/99/members/99/mute" },
  "PUT /rooms/{id}/owner": { limit: "roomChanges", path: "/rooms/99/owner", body: { uid: 99 } },
  "POST /rooms/{id}/messages": { limit: "sends", path: "/rooms/99/messages", body: SEND },
  "DELETE /messages/{id}": { limit: "sends", path: "/messages/99" },
  "PUT /messages/{id}/marks/{mark}": { limit: "marks", path: "/messages/99/marks/like" },
  "DELETE /messages/{id}/marks/{mark}": { limit: "marks", path: "/messages/99/marks/like" },
  "PUT /notifications/seen": { limit: "notificationMarks", path: "/notifications/seen", body: { upTo: 1 } },
  "PUT /notifications/read": { limit: "notificationMarks", path: "/notifications/read", body: { ids: [1] } },
  "PUT /notifications/archive": { limit: "notificationMarks", path: "/notifications/archive", body: { ids: [1] } },
  "PUT /admin/bans/users/{uid}": { limit: "administration", path: "/admin/bans/users/99", body: {} },
  "DELETE /admin/bans/users/{uid}": { limit: "administration", path: "/admin/bans/users/99" },
  "PUT /admin/bans/ips/{cidr}": { limit: "administration", path: "/admin/bans/ips/203.0.113.7", body: {} },
  "DELETE /admin/bans/ips/{cidr}": { limit: "administration", path: "/admin/bans/ips/198.51.100.7" },
  "DELETE /admin/connections/{id}": { limit: "administration", path: "/admin/connections/nothing" },
  "GET /admin/users/{uid}/live": { limit: "administration", path: "/admin/users/99/live" },
  "POST /admin/keys": { limit: "administration", path: "/admin/keys", body: { name: "k" } },
  "DELETE /admin/keys/{id}": { limit: "administration", path: "/admin/keys/99" },
  "POST /friend-requests": { limit: "friendRequestsToOne", path: "/friend-requests", body: { userId: 99 } },
  "PUT /friend-requests/read": { limit: "readPlaces", path: "/friend-requests/read", body: { upTo: 1 } },
  "DELETE /friend-requests/{id}": { limit: "contactChanges", path: "/friend-requests/99" },
  "POST /friend-requests/{id}/accept": { limit: "contactChanges", path: "/friend-requests/99/accept" },
  "POST /friend-requests/{id}/reject": { limit: "contactChanges", path: "/friend-requests/99/reject" },
  "PATCH /friends/{uid}": { limit: "contactChanges", path: "/friends/99", body: { remark: "r" } },
  "DELETE /friends/{uid}": { limit: "contactChanges", path: "/friends/99" },
  "PUT /blocks/{uid}": { limit: "contactChanges", path: "/blocks/99" },
  "DELETE /blocks/{uid}": { limit: "contactChanges", path: "/blocks/99" },
  "POST /admin/webhooks": { limit: "webhookChanges", path: "/admin/webhooks", body: { url: "http://127.0.0.1:9/" } },
  "PATCH /admin/webhooks/{id}": { limit: "webhookChanges", path: "/admin/webhooks/99", body: {} },
  "DELETE /admin/webhooks/{id}": { limit: "webhookChanges", path: "/admin/webhooks/99" },
  "POST /admin/webhooks/{id}/dead-letters/{pos}/retry": {
    limit: "webhookChanges",
    path: "/admin/webhooks/99/dead-letters/1/retry",
  },
  "PUT /rooms/{id}/read": { limit: "readPlaces", path: "/rooms/99/read", body: { seq: 1 } },
};

/** Routes that only read. `heavy-work-held.test.ts` covers how the heavy ones have to wait. */
const READING = [
  ...["GET /events", "POST /events", "GET /events/stream"],
  ...[
    "GET /rooms",
    "GET /rooms/{id}/members",
    "GET /rooms/{id}/messages",
    "GET /messages/{id}/receipts",
    "GET /unread",
    "GET /notifications",
    "GET /friend-requests",
    "GET /friends",
    "GET /blocks",
    "GET /me/export",
    "GET /users",
  ],
  // These read one row, or the few rows of one person.
  ...["GET /me", "GET /logins", "GET /users/{id}", "GET /rooms/{id}", "GET /messages/{id}", "GET /doctor"],
  // These are heavy and for administrators: numbers that are in memory, and pages.
  ...["GET /admin/stats", "GET /admin/bans", "GET /admin/keys", "GET /admin/audit"],
  ...["GET /admin/connections", "GET /admin/series", "GET /admin/nodes"],
  // These read a few rows in all, or pages by a key.
  ...["GET /admin/webhooks", "GET /admin/webhooks/{id}/dead-letters"],
  // This has a separate rate.
  "GET /presence",
  // The rate of new codes bounds how often a confirmed one can be collected.
  "GET /qr-logins/{code}",
];

let server: TestServer;
let time: StillTime;
beforeAll(async () => {
  server = await TestServer.start({ RATE_LIMITS: "on" });
  time = new StillTime();
  await person("ann");
}, 30_000);
afterAll(async () => {
  time[Symbol.dispose]();
  await server.stop();
});

/** An account without a password, so that the tests do not wait for hashes. */
async function person(name: string, power: 0 | 1 = 0): Promise<ApiClient> {
  const token = newToken();
  const account = { name, passwordHash: "", tokenHash: hashOf(token), ip: "203.0.113.9", userAgent: "test" };
  await server.storage.writes.run(createAccount, account);
  if (power === 1) await setPower(server, name, 1);
  return new ApiClient(server.url, token);
}

test("HTTP-15: every route is named here", async () => {
  const reply = await fetch(`${server.url}/openapi.json`);
  const { paths } = (await reply.json()) as { paths: Record<string, Record<string, unknown>> };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    // `src/server-api/door.test.ts` tests the limits of a server key.
    path.startsWith("/api/v1/") && !path.startsWith("/api/v1/server/")
      ? Object.keys(methods).map((m) => `${m.toUpperCase()} ${path.slice(7)}`)
      : [],
  );
  expect(routes.length).toBeGreaterThan(30);
  expect([...Object.keys(HELD), ...READING].sort()).toEqual(routes.sort());
});

describe("HTTP-15: beyond its limit a route is 429 with Retry-After", () => {
  test.each(Object.entries(HELD))("%s", async (route, { limit, path, body, before }) => {
    const number = Object.keys(HELD).indexOf(route);
    const api = await person(`person ${number}`, route.includes(" /admin/") ? 1 : 0);
    const method = route.split(" ")[0] as string;
    const row = RATES[limit];
    // This is a mapped range, so that each route has a different address.
    const from = { "X-Forwarded-For": `203.0.113.${number}` };
    const count = "burst" in row ? row.burst : row.count;
    const counted = before ?? { method, path, body };
    for (let n = 0; n < count; n++) {
      const reply = await api.call(counted.method, counted.path, counted.body, from);
      expect({ n, status: reply.status }).not.toMatchObject({ status: 429 });
      expect(reply.status).toBeLessThan(500);
    }
    const refused = await api.call(method, path, body, from);
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(Number(refused.headers.get("Retry-After"))).toBe(
      Math.ceil(row.windowMs / 1000 / ("burst" in row ? row.count : 1)),
    );
  });
});

test("HTTP-15: it is counted by person, whatever the device and the address, and others are not held back", async () => {
  const [ben, cai] = [await person("ben"), await person("cai")];
  const change = (api: ApiClient, n: number) =>
    api.call("PATCH", "/me", { avatar: "" }, { "X-Forwarded-For": `198.51.100.${n}` });
  for (let n = 0; n < 10; n++) expect((await change(ben, n)).status).toBe(200);
  expect((await change(ben, 10)).status).toBe(429);
  expect((await change(cai, 10)).status).toBe(200);
  time.advance(60_000);
  expect((await change(ben, 11)).status).toBe(200);
});
