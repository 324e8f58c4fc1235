import { afterAll, beforeAll, expect, test } from "bun:test";
import { bury } from "../src/webhooks/webhook-writes.ts";
import { administrator } from "./administrator.ts";
import { ApiClient, type ApiReply } from "./api-client.ts";
import { apiDocument, operationsOf } from "./api-document.ts";
import { checkAsDocumented, operationOf } from "./as-documented.ts";
import { PASSWORD, type Person, TestServer } from "./harness.ts";
import { openDoor } from "./server-door.ts";

/** What the steps below have requested and got: `<operation> <status>`. The client has compared each reply with the document. */
const visited = new Set<string>();
/** The first event of the log, whatever it is. */
const LETTER = { pos: 1, stream: "internal", seq: 1, type: -20, at: 1 };
let server: TestServer;
let ann: Person;
let ben: Person;

beforeAll(async () => {
  server = await TestServer.start({ HALL: "public", CUSTOM_KINDS: "poll" });
  ann = await server.person("ann");
  ben = await server.person("ben");
}, 30_000);
afterAll(() => server.stop());

/** Makes a request and expects this status. */
async function ask<T = { id: number }>(by: ApiClient, request: string, status: number, body?: unknown): Promise<T> {
  const [method = "", path = ""] = request.split(" ");
  const reply = await by.call<T>(method, path, body);
  return told(request, status, reply);
}

function told<T>(request: string, status: number, reply: ApiReply<T>): T {
  const [method = "", path = ""] = request.split(" ");
  expect({ request, status: reply.status, body: reply.status === status ? {} : reply.body }).toEqual({
    request,
    status,
    body: {},
  });
  const found = operationOf({ method, path: `/api/v1${path}` });
  visited.add(`${found?.operation.operationId} ${status}`);
  return reply.body;
}

test("HTTP-26: accounts and devices", async () => {
  const { api: nobody } = server;
  const cem = { name: "cem", password: PASSWORD };
  const { token, user } = await ask<{ token: string; user: { uid: number } }>(nobody, "POST /accounts", 201, cem);
  await ask(nobody, "POST /accounts", 409, cem);
  await ask(nobody, "POST /accounts", 422, { name: "dan", password: "password123" });
  await ask(nobody, "POST /logins", 401, { ...cem, password: "another password" });
  const signIn = async () =>
    new ApiClient(server.url, (await ask<{ token: string }>(nobody, "POST /logins", 201, cem)).token);
  const first = new ApiClient(server.url, token);
  await ask(first, "GET /me", 200);
  await ask(first, "PATCH /me", 200, { name: "Cem", avatar: "/cem.png" });
  await ask(first, "PATCH /me", 409, { name: "ann" });
  await ask(first, "PUT /me/password", 422, { password: "not this one", newPassword: PASSWORD });
  await ask(first, "PUT /me/password", 204, { password: PASSWORD, newPassword: PASSWORD });
  await ask(first, "GET /me/export", 200);
  await ask(first, `GET /users/${user.uid}`, 200);
  await ask(first, "GET /users/99999", 404);
  await ask(first, `GET /users?ids=${user.uid},${ann.uid}`, 200);
  await ask(first, "GET /users?query=an&limit=1", 200);
  await ask(first, "GET /users", 400);
  const second = await signIn();
  const { items } = await ask<{ items: { id: number }[] }>(second, "GET /logins?limit=1", 200);
  await ask(await signIn(), `DELETE /logins/${items[0]?.id}`, 204);
  await ask(first, "DELETE /logins/99999", 404);
  await ask(await signIn(), "DELETE /logins/current", 204);
  await ask(await signIn(), "POST /logins/refresh", 200);
  await ask(await signIn(), "DELETE /logins", 204);
  await ask(first, "GET /me", 401);
  await ask(await signIn(), "DELETE /me", 422, { password: "not this one" });
  await ask(await signIn(), "DELETE /me", 204, { password: PASSWORD });
  // A dozen passwords are hashed on the way.
}, 30_000);

test("HTTP-26: QR codes", async () => {
  const newCode = () => ask<{ code: string; secret: string }>(server.api, "POST /qr-logins", 201);
  const state = async ({ code, secret }: { code: string; secret: string }, status: number) => {
    const reply = await server.api.call<{ state: string }>("GET", `/qr-logins/${code}`, undefined, {
      "X-QR-Secret": secret,
    });
    return told(`GET /qr-logins/${code}`, status, reply).state;
  };
  const wanted = await newCode();
  expect(await state(wanted, 200)).toBe("pending");
  await state({ ...wanted, secret: "not this one" }, 404);
  await ask(ann.api, `POST /qr-logins/${wanted.code}/confirm`, 409);
  await ask(ann.api, `POST /qr-logins/${wanted.code}/scan`, 200);
  await ask(ben.api, `POST /qr-logins/${wanted.code}/scan`, 409);
  await ask(ann.api, `POST /qr-logins/${wanted.code}/confirm`, 204);
  expect(await state(wanted, 200)).toBe("confirmed");
  const unwanted = await newCode();
  await ask(ann.api, `POST /qr-logins/${unwanted.code}/scan`, 200);
  await ask(ann.api, `POST /qr-logins/${unwanted.code}/reject`, 204);
  expect(await state(unwanted, 200)).toBe("rejected");
  await ask(ann.api, "POST /qr-logins/nothing/reject", 404);
});

test("HTTP-26: rooms and their members", async () => {
  const cem = await server.person("cem3");
  const { id } = await ask(ann.api, "POST /rooms", 201, { name: "g", memberIds: [ben.uid] });
  await ask(ann.api, "POST /rooms", 422, { memberIds: [99_999] });
  const direct = await ask(ann.api, "POST /rooms/direct", 201, { userId: ben.uid });
  await ask(ben.api, "POST /rooms/direct", 200, { userId: ann.uid });
  await ask(ann.api, "POST /rooms/direct", 422, { userId: ann.uid });
  await ask(ann.api, "GET /rooms?limit=2", 200);
  await ask(ann.api, "GET /rooms?cursor=x", 400);
  for (const room of [id, direct.id, 1]) await ask(ann.api, `GET /rooms/${room}`, 200);
  for (const room of [id, direct.id, 1]) await ask(ann.api, `PATCH /rooms/${room}/settings`, 200, { pinned: true });
  await ask(cem.api, `PATCH /rooms/${id}/settings`, 404, { muted: true });
  await ask(server.api, "GET /rooms/1", 200);
  await ask(server.api, `GET /rooms/${id}`, 401);
  await ask(cem.api, `GET /rooms/${id}`, 404);
  await ask(ann.api, `PATCH /rooms/${id}`, 200, {
    name: "G",
    avatar: "/g.png",
    notice: "hello\nall",
    history: "joined",
  });
  await ask(ben.api, `PATCH /rooms/${id}`, 403, { muteAll: true });
  for (const room of [id, direct.id, 1]) await ask(ann.api, `GET /rooms/${room}/members?limit=2`, 200);
  await ask(ann.api, `POST /rooms/${id}/members`, 200, { memberIds: [cem.uid] });
  await ask(ann.api, `POST /rooms/${direct.id}/members`, 422, { memberIds: [cem.uid] });
  await ask(ann.api, `PUT /rooms/${id}/members/${ben.uid}/role`, 200, { role: 2 });
  await ask(ben.api, `PUT /rooms/${id}/members/${ben.uid}/role`, 403, { role: 2 });
  await ask(ann.api, `PUT /rooms/${id}/members/${cem.uid}/mute`, 200, { until: null });
  const late = { clientId: "late", type: 1, body: { content: "too late" } };
  await ask(cem.api, `POST /rooms/${id}/messages`, 403, late);
  await ask(ann.api, `GET /rooms/${id}/members`, 200);
  await ask(ann.api, `PUT /rooms/${id}/members/${cem.uid}/mute`, 400, { until: 1 });
  await ask(cem.api, `PUT /rooms/${id}/members/${ann.uid}/mute`, 403, { until: null });
  await ask(ann.api, `DELETE /rooms/${id}/members/${cem.uid}/mute`, 204);
  await ask(ann.api, `DELETE /rooms/${id}/members/${ann.uid}/mute`, 422);
  await ask(ann.api, `PUT /rooms/${id}/owner`, 422, { uid: 99_999 });
  await ask(ann.api, `PUT /rooms/${id}/owner`, 200, { uid: ben.uid });
  await ask(ben.api, `DELETE /rooms/${id}/members/${ben.uid}`, 422);
  await ask(ben.api, `DELETE /rooms/${id}/members/${cem.uid}`, 204);
  await ask(cem.api, `GET /rooms/${id}/members`, 403);
  await ask(ann.api, `DELETE /rooms/${id}`, 403);
  await ask(ben.api, `DELETE /rooms/${id}`, 204);
  await ask(ben.api, `PATCH /rooms/${id}`, 422, { name: "gone" });
  await ask(ann.api, "DELETE /rooms/1", 422);
  await ask(ann.api, `GET /presence?userIds=${ann.uid},${ben.uid}`, 200);
  await ask(server.api, "GET /presence", 200);
});

test("HTTP-26: contacts", async () => {
  const [dan, eva] = [await server.person("dan4"), await server.person("eva4")];
  const to = (userId: number) => ({ userId, text: "hello" });
  const { id } = await ask(dan.api, "POST /friend-requests", 201, to(eva.uid));
  await ask(dan.api, "POST /friend-requests", 200, to(eva.uid));
  await ask(dan.api, "POST /friend-requests", 422, to(dan.uid));
  await ask(eva.api, "GET /friend-requests?limit=1", 200);
  await ask(eva.api, "PUT /friend-requests/read", 200, { upTo: id });
  await ask(dan.api, `POST /friend-requests/${id}/accept`, 403);
  await ask(eva.api, `POST /friend-requests/${id}/reject`, 200);
  await ask(dan.api, "POST /friend-requests", 422, to(eva.uid));
  await ask(dan.api, `DELETE /friend-requests/${id}`, 422);
  await ask(dan.api, "DELETE /friend-requests/99999", 404);
  const second = await ask(eva.api, "POST /friend-requests", 201, to(dan.uid));
  await ask(eva.api, `DELETE /friend-requests/${second.id}`, 204);
  const third = await ask(eva.api, "POST /friend-requests", 201, to(dan.uid));
  await ask(dan.api, `POST /friend-requests/${third.id}/accept`, 200);
  await ask(dan.api, `POST /friend-requests/${third.id}/reject`, 422);
  await ask(dan.api, "GET /friends", 200);
  await ask(dan.api, `PATCH /friends/${eva.uid}`, 200, { remark: "Evi" });
  await ask(dan.api, "PATCH /friends/99999", 404, { remark: "who?" });
  await ask(dan.api, `DELETE /friends/${eva.uid}`, 204);
  await ask(dan.api, `PUT /blocks/${eva.uid}`, 204);
  await ask(dan.api, "PUT /blocks/99999", 422);
  await ask(dan.api, "POST /friend-requests", 422, to(eva.uid));
  await ask(dan.api, "GET /blocks", 200);
  await ask(dan.api, `DELETE /blocks/${eva.uid}`, 204);
});

test("HTTP-26: messages and red dots", async () => {
  const { id: room } = await ask(ann.api, "POST /rooms", 201, { name: "talk", memberIds: [ben.uid] });
  const path = `/rooms/${room}/messages`;
  const text = { clientId: "text", type: 1, body: { content: "hello" } };
  const { message } = await ask<{ message: { id: number } }>(ann.api, `POST ${path}`, 201, text);
  await ask(ann.api, `POST ${path}`, 200, text);
  await ask(ann.api, `POST ${path}`, 409, { ...text, body: { content: "something else" } });
  const answer = { clientId: "answer", type: 1, body: { content: "hi" }, replyTo: message.id, mentions: [ann.uid] };
  await ask(ben.api, `POST ${path}`, 201, answer);
  await ask(ben.api, `POST ${path}`, 422, { ...answer, clientId: "nothing", replyTo: 99_999 });
  const poll = { clientId: "poll", type: 100, body: { kind: "poll", text: "Tea?", data: [{ votes: 0 }] } };
  await ask(ben.api, `POST ${path}`, 201, poll);
  await ask(ben.api, `POST ${path}`, 403, { ...poll, clientId: "map", body: { ...poll.body, kind: "map" } });
  await ask(ann.api, `POST ${path}`, 400, { ...text, type: 7 });
  await ask(ann.api, "POST /rooms/99999/messages", 404, { ...text, clientId: "nowhere" });
  await ask(ann.api, `GET ${path}?limit=2`, 200);
  await ask(server.api, "GET /rooms/1/messages?after=0", 200);
  await ask(ann.api, "GET /rooms/99999/messages", 404);
  await ask(ben.api, "GET /unread", 200);
  await ask(ben.api, `PUT /rooms/${room}/read`, 200, { seq: 1 });
  await ask(ben.api, "PUT /rooms/99999/read", 404, { seq: 1 });
  await ask(ann.api, `POST ${path}`, 201, { ...text, clientId: "all", mentions: "all" });
  await ask(ben.api, `POST ${path}`, 403, { ...text, clientId: "all", mentions: "all" });
  await ask(ann.api, `GET ${path}?around=${message.id}&limit=3`, 200);
  await ask(ann.api, `GET ${path}?around=${message.id}&after=0`, 400);
  for (const state of ["read", "unread"])
    await ask(ann.api, `GET /messages/${message.id}/receipts?state=${state}`, 200);
  await ask(ben.api, `GET /messages/${message.id}/receipts?state=read`, 403);
  await ask(ben.api, `GET /messages/${message.id}`, 200);
  await ask(ben.api, `PUT /messages/${message.id}/marks/like`, 200);
  await ask(ben.api, `DELETE /messages/${message.id}/marks/like`, 200);
  await ask(ben.api, `PUT /messages/${message.id}/marks/dislike`, 200);
  await ask(ben.api, "PUT /messages/99999/marks/like", 404);
  await ask(ben.api, `PUT /messages/${message.id}/marks/love`, 400);
  await ask(ben.api, `DELETE /messages/${message.id}`, 403);
  await ask(ann.api, `DELETE /messages/${message.id}`, 200);
  await ask(ann.api, `DELETE /messages/${message.id}`, 422);
  await ask(ann.api, `PUT /messages/${message.id}/marks/like`, 422);
  await ask(ann.api, `GET ${path}`, 200);
  await ask(ann.api, "GET /me/export", 200);
  await ask(ann.api, "GET /messages/99999", 404);
});

test("HTTP-26: events, and how the request came", async () => {
  const { cursor } = await ask<{ cursor: string }>(ann.api, "GET /events", 200);
  const { id: room } = await ask(ann.api, "POST /rooms", 201, { name: "events" });
  await ask(ann.api, `GET /events?cursor=${cursor}&limit=5&max=10&wait=1`, 200);
  await ask(ann.api, "POST /events", 200, { cursor, limit: 5, max: 10, wait: 0 });
  await ask(ann.api, `PATCH /rooms/${room}`, 200, { name: "more events" });
  await ask(server.api, "GET /events", 200);
  await ask(ann.api, "GET /events?cursor=x", 400);
  await ask(ann.api, "POST /events", 400, { cursor: "x" });
  await ask(ann.api, "GET /events/stream?cursor=x", 400);
  await ask(ann.api, "GET /doctor", 200);
  const method = "GET";
  const { status, headers, body } = await fetch(`${server.url}/api/v1/events/stream?token=${ann.token}`);
  const seen = { method, path: "/api/v1/events/stream", status, headers, body: "" };
  checkAsDocumented(seen);
  told("GET /events/stream", 200, seen as never);
  await body?.cancel();
});

test("HTTP-26: what the product's own backend asks", async () => {
  const { key } = await openDoor(server, "product");
  const backend = new ApiClient(server.url, key);
  const room = "/server/rooms/order%2F7";
  for (const status of [201, 200])
    await ask(backend, "PUT /server/users/u1", status, { name: "One", avatar: "/1.png" });
  await ask(backend, `PUT /server/users/~${ben.uid}`, 409, { name: "ann" });
  await ask(backend, `GET /server/users/~${ann.uid}`, 200);
  await ask(backend, "GET /server/users/nobody", 404);
  await ask(backend, "POST /server/users", 200, { items: [{ externalId: "u1" }, { externalId: "u2" }] });
  await ask(backend, "POST /server/users/u1/tokens", 201);
  await ask(backend, "DELETE /server/users/u1/logins", 204);
  for (const status of [201, 200]) await ask(backend, `PUT ${room}`, status, { notice: "new" });
  await ask(backend, "GET /server/rooms/~1", 200);
  await ask(backend, `POST ${room}/members?unknown=skip`, 200, { add: ["u1", ann.uid, "nobody"], remove: [ben.uid] });
  await ask(backend, `POST ${room}/members`, 422, { add: ["nobody"] });
  const text = { room: "order/7", from: "u1", clientId: "1", type: 1, body: { content: "hello" }, mentions: [ann.uid] };
  for (const status of [201, 200]) await ask(backend, "POST /server/messages", status, text);
  await ask(backend, "POST /server/messages", 409, { ...text, from: ann.uid });
  const card = {
    direct: ["u1", "u2"],
    clientId: "2",
    type: 100,
    body: { kind: "card", text: "Card", data: { of: 7 } },
  };
  await ask(backend, "POST /server/messages", 200, { items: [card, { ...text, clientId: "3", from: "u2" }] });
  await ask(backend, "POST /server/messages", 400, { items: [{ ...text, type: 7 }] });
  await ask(backend, `GET ${room}/messages?limit=2`, 200);
  await ask(backend, "POST /server/presence?unknown=skip", 200, { users: ["u1", ann.uid, "nobody"] });
  await ask(backend, "POST /server/presence", 422, { users: ["nobody"] });
  const notice = { to: { users: ["u1", ann.uid] }, kind: "approval", title: "A request", text: "", key: "7/8" };
  const once = { ...notice, dedupeKey: "d", link: "/a", data: { of: 7 }, collapseKey: "c", ttl: 3600 };
  for (const status of [201, 200]) await ask(backend, "POST /server/notifications", status, once);
  await ask(backend, "POST /server/notifications", 409, { ...once, text: "another" });
  await ask(backend, "POST /server/notifications", 422, { ...notice, to: { users: ["nobody"] } });
  await ask(backend, "POST /server/notifications", 400, { ...notice, to: {} });
  const skipping = { ...notice, to: { users: ["u1", "nobody"] } };
  await ask(backend, "POST /server/notifications?unknown=skip", 201, skipping);
  const { id } = await ask(backend, "POST /server/notifications", 201, { ...notice, to: { all: true } });
  await ask(backend, `PATCH /server/notifications/${id}`, 200, { title: "Changed", data: null, link: null });
  await ask(backend, "PATCH /server/notifications/1", 404, { done: true });
  for (const state of ["all", "unread", "archived"]) await ask(ann.api, `GET /notifications?state=${state}`, 200);
  await ask(ann.api, "PUT /notifications/seen", 200, { upTo: id });
  await ask(ann.api, "PUT /notifications/read", 200, { ids: [id, 1] });
  await ask(ann.api, "PUT /notifications/read", 200, { upTo: id });
  await ask(ann.api, "PUT /notifications/read", 200, { upTo: id, ids: [id] });
  await ask(ann.api, "PUT /notifications/read", 400, { ids: [] });
  await ask(ann.api, "PUT /notifications/archive", 200, { ids: [id] });
  await ask(ann.api, "GET /notifications?state=archived&limit=1", 200);
  await ask(ann.api, "GET /unread", 200);
  await ask(ann.api, "GET /me/export", 200);
  await ask(backend, "PUT /server/notifications/approval/7%2F8/done", 204);
  await ask(backend, "DELETE /server/notifications/approval/7%2F8", 204);
  const event = { to: { users: ["u1"] }, kind: "order.shipped", data: { order: 7 }, dedupeKey: "e" };
  for (const status of [201, 200]) await ask(backend, "POST /server/events", status, event);
  await ask(backend, "POST /server/events", 409, { ...event, data: null });
  await ask(backend, "POST /server/events", 422, { ...event, to: { rooms: ["nowhere"] }, dedupeKey: "f" });
  await ask(backend, "POST /server/events?unknown=skip", 201, { to: { rooms: ["x"] }, kind: "a", data: 1, log: false });
  const { cursor } = await ask<{ cursor: string }>(backend, "GET /server/feed", 200);
  const [floor] = cursor.split("@");
  await ask(backend, `GET /server/feed?cursor=${floor}@0&limit=50`, 200);
  await ask(backend, "GET /server/feed?cursor=x", 400);
  await ask(backend, `DELETE ${room}`, 204);
  await ask(backend, "DELETE /server/users/u1", 204);
  const { key: poor } = await openDoor(server, "poor", { scopes: ["feed"] });
  await ask(new ApiClient(server.url, poor), "GET /server/users/u2", 403);
});

test("HTTP-26: what administrators ask", async () => {
  const root = await administrator(server, "root");
  await ask(root.api, "GET /admin/stats", 200);
  await ask(ann.api, "GET /admin/stats", 403);
  const dan = await server.person("dan5");
  await ask(root.api, `PUT /admin/bans/users/${dan.uid}`, 200, { until: Date.now() + 60_000, reason: "spam" });
  await ask(dan.api, "GET /me", 403);
  await ask(root.api, "PUT /admin/bans/users/99999", 404);
  await ask(root.api, `PUT /admin/bans/users/${root.uid}`, 422);
  await ask(root.api, "PUT /admin/bans/ips/203.0.113.0%2F24", 200, { reason: "flood" });
  await ask(root.api, "PUT /admin/bans/ips/127.0.0.1", 422);
  await ask(root.api, "GET /admin/bans?limit=1", 200);
  await ask(root.api, `DELETE /admin/bans/users/${dan.uid}`, 204);
  await ask(root.api, "DELETE /admin/bans/ips/203.0.113.0%2F24", 204);
  const { id } = await ask(root.api, "POST /admin/keys", 201, { name: "by-root", scopes: ["feed"] });
  await ask(root.api, "POST /admin/keys", 409, { name: "by-root" });
  await ask(root.api, "GET /admin/keys", 200);
  await ask(root.api, `DELETE /admin/keys/${id}`, 204);
  await ask(root.api, `DELETE /admin/keys/${id}`, 404);
  const live = await server.live(root);
  const { items } = await ask<{ items: { id: string }[] }>(root.api, `GET /admin/connections?uid=${root.uid}`, 200);
  await ask(root.api, `DELETE /admin/connections/${items[0]?.id}`, 204, { reason: "seen" });
  await live.ended();
  await ask(root.api, "DELETE /admin/connections/nothing", 404);
  await ask(root.api, `GET /admin/users/${ann.uid}/live`, 200);
  await ask(root.api, "GET /admin/users/99999/live", 404);
  await ask(root.api, "GET /admin/series?name=connections&step=60", 200);
  await ask(root.api, "GET /admin/nodes", 200);
  await ask(root.api, "GET /admin/audit?limit=3", 200);
  const hook = { url: "http://127.0.0.1:9/", events: ["ROOM"] };
  const { id: webhookId } = await ask(root.api, "POST /admin/webhooks", 201, hook);
  await ask(root.api, "GET /admin/webhooks", 200);
  await ask(root.api, `PATCH /admin/webhooks/${webhookId}`, 200, { events: null });
  await server.storage.writes.run(bury, { webhookId, letters: [LETTER], attempts: 9, reason: "the answer is 500" });
  await ask(root.api, `GET /admin/webhooks/${webhookId}/dead-letters`, 200);
  await ask(root.api, `POST /admin/webhooks/${webhookId}/dead-letters/1/retry`, 200);
  await ask(root.api, `POST /admin/webhooks/${webhookId}/dead-letters/2/retry`, 404);
  await ask(root.api, `DELETE /admin/webhooks/${webhookId}`, 204);
  for (let n = 0; n < 10; n++) await ask(root.api, "POST /admin/webhooks", 201, hook);
  await ask(root.api, "POST /admin/webhooks", 422, hook);
});

test("HTTP-26: each operation has succeeded above in each way that it can", () => {
  const successes = operationsOf(apiDocument()).flatMap(({ operation: { operationId, responses } }) =>
    Object.keys(responses)
      .filter((status) => Number(status) < 300)
      .map((status) => `${operationId} ${status}`),
  );
  expect(successes.filter((one) => !visited.has(one))).toEqual([]);
});
