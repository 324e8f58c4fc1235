import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestServer } from "../../server/test/harness.ts";
import { type Door, openDoor } from "../../server/test/server-door.ts";
import { notificationsOf } from "../src/calls.ts";
import { createClient } from "../src/index.ts";
import { createServerClient, ParleyError, ServerClient, type ServerClientOptions } from "../src/server.ts";

const FAST = { backoffFirstMs: 1, backoffMaxMs: 4, requestMs: 30_000 };

let server: TestServer;
let door: Door;
let parley: ServerClient;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
  parley = createServerClient({ url: `${server.url}/`, key: door.key });
}, 20_000);
afterAll(() => server.stop());

/** A client whose first requests get these answers; the server answers the others. */
function failing(answers: (() => Response | Promise<Response>)[], more: Partial<ServerClientOptions> = {}) {
  const bodies: unknown[] = [];
  const times: number[] = [];
  const client = new ServerClient(
    {
      url: server.url,
      key: door.key,
      fetch: async (url, init) => {
        bodies.push(init.body);
        times.push(performance.now());
        const answer = answers.shift();
        return answer ? answer() : fetch(url, init);
      },
      ...more,
    },
    FAST,
  );
  return { client, bodies, times };
}

const busy = (status: number, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ status, code: status === 429 ? "rate_limited" : "overloaded" }), { status, headers });
const text = { room: "shop", type: 1 as const, body: { content: "hello" } };

test("SDK-91: each route has a method, whose arguments and replies are the server's", async () => {
  const { uid } = await parley.putUser("a/b?c", { name: "Ada" });
  expect(await parley.getUser(uid)).toMatchObject({ externalId: "a/b?c", name: "Ada" });
  const { items } = await parley.putUsers([{ externalId: "ben" }, { externalId: "a/b?c", name: "Ada L." }]);
  expect(items.map(({ status }) => status)).toEqual([201, 200]);
  expect((await parley.makeToken("ben", { ttlSeconds: 60 })).token).toStartWith("pl_");
  expect((await parley.makeToken("ben")).expiresAt).toBeGreaterThan(Date.now() + 3_000_000);
  await parley.endLogins("ben");
  const { id } = await parley.putRoom("shop", { name: "Shop" });
  expect(await parley.changeMembers("shop", { add: [uid, "nobody"], unknown: "skip" })).toEqual({
    ...{ added: [uid], removed: [], memberCount: 1, skipped: ["nobody"] },
  });
  const { message } = await parley.send({ ...text, from: uid });
  const { items: sent } = await parley.sendAll([text, { ...text, from: "ben" }]);
  expect(sent.map(({ status }) => status)).toEqual([201, 422]);
  const page = await parley.listMessages(id, { after: message.id, limit: 5 });
  expect(page.items).toHaveLength(1);
  expect(await parley.getRoom("shop")).toMatchObject({ id, name: "Shop" });
  expect(await parley.presence(["ben"])).toMatchObject({ items: [{ externalId: "ben", activeStatus: 2 }] });
  expect(await parley.presence(["nobody"], { unknown: "skip" })).toMatchObject({ items: [], skipped: ["nobody"] });
  const { id: noticeId } = await parley.notify({
    ...{ to: { users: ["ben", "nobody"] }, kind: "approval", title: "A request", text: "", key: "request/7" },
    unknown: "skip",
  });
  expect(await parley.changeNotification(noticeId, { title: "Another" })).toEqual({ id: noticeId, recipients: 1 });
  expect(await parley.settle("approval", "request/7")).toBeUndefined();
  expect(await parley.takeBack("approval", "request/7")).toBeUndefined();
  expect(await parley.push({ to: { rooms: ["shop"] }, kind: "a", data: null })).toEqual({ recipients: 1 });
  const { cursor } = await parley.feed();
  const waiting = parley.feed({ cursor, wait: 10, limit: 5 });
  await parley.send(text);
  expect(await waiting).toMatchObject({ events: [{ event: "MESSAGE", stream: `room:${id}` }], more: false });
  expect(await parley.deleteUser("ben")).toBeUndefined();
  await parley.deleteRoom("shop");
  await parley.putRoom("shop");
});

describe("SDK-92: a refusal", () => {
  test("is a ParleyError with the server's code and the place in the request, and is not tried again", async () => {
    const { client, bodies } = failing([]);
    const error = await client.changeMembers("shop", { add: ["ada", "nobody"] }).catch((error) => error);
    expect(error).toBeInstanceOf(ParleyError);
    expect([error.status, error.code, error.path]).toEqual([422, "unknown_user", "add.0"]);
    const malformed = await client.putUser("ada", { name: "" }).catch((error) => error);
    expect([malformed.code, malformed.path]).toEqual(["invalid", "name"]);
    const absent = await client.getUser("absent").catch((error) => error);
    expect([absent.code, absent.path]).toEqual(["not_found", undefined]);
    expect(bodies).toHaveLength(3);
  });

  test("is the same for what no address can name, so that nobody is taken for somebody else", async () => {
    const { uid } = await parley.putUser("somebody");
    const asked: string[] = [];
    const client = new ServerClient({
      url: server.url,
      key: door.key,
      fetch: (url, init) => {
        asked.push(url);
        return fetch(url, init);
      },
    });
    for (const [path, call] of [
      ["user", () => client.makeToken(`~${uid}`)],
      ["user", () => client.deleteUser("..")],
      ["user", () => client.getUser("")],
      ["room", () => client.putRoom("~1", { name: "x" })],
      ["room", () => client.listMessages(".")],
      ["kind", () => client.settle("..", "key")],
      ["key", () => client.takeBack("kind", "..")],
      ["key", () => client.takeBack("kind", "")],
    ] as const) {
      const refusal = await call().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(ParleyError);
      expect(refusal).toMatchObject({
        code: "invalid",
        status: 400,
        path,
        message: expect.stringContaining(`${path}:`),
      });
    }
    expect(asked).toEqual([]);
    // A key is not an id, and a tilde inside an id has no meaning.
    await client.settle("kind", "~1");
    expect((await client.putUser("a~1")).externalId).toBe("a~1");
    expect((await client.getUser(uid)).externalId).toBe("somebody");
  });

  test("of an option is a TypeError that names it", () => {
    const right = { url: "http://x", key: "ps_x" };
    for (const [wrong, name] of [
      [{ url: "x" }, "url"],
      [{ url: undefined }, "url"],
      [{ key: "pl_x" }, "key"],
      [{ key: undefined }, "key"],
      [{ tries: 0 }, "tries"],
      [{ fetch: 1 }, "fetch"],
      [{ token: "x" }, "token"],
    ] as const) {
      expect(() => createServerClient({ ...right, ...wrong } as never)).toThrow(`\`${name}\``);
    }
  });
});

describe("SDK-93: what may succeed later is tried again", () => {
  test.each<[what: string, answer: () => Response | Promise<Response>]>([
    ["503", () => busy(503)],
    ["429", () => busy(429)],
    ["500 of a proxy", () => new Response("<html>", { status: 502 })],
    ["a connection that ends", () => Promise.reject(new TypeError("fetch failed"))],
  ])("after %s, with the same clientId", async (_, answer) => {
    const { client, bodies } = failing([answer, answer]);
    const { message } = await client.send(text);
    expect(bodies).toHaveLength(3);
    expect(new Set(bodies).size).toBe(1);
    expect(JSON.parse(bodies[0] as string).clientId).toBe(message.clientId);
  });

  test("after a lost answer, and the message is stored once", async () => {
    const before = (await parley.listMessages("shop", { limit: 100 })).items.length;
    const { client } = failing([
      async () => {
        // The server has the message, but its answer gets lost.
        await parley.send({ ...text, clientId: "lost" });
        throw new TypeError("fetch failed");
      },
    ]);
    await client.send({ ...text, clientId: "lost" });
    const { items } = await parley.listMessages("shop", { limit: 100 });
    expect(items.length).toBe(before + 1);
    expect(items.at(-1)?.message.clientId).toBe("lost");
  });

  test("with one dedupeKey for all tries, so that a lost answer makes no second notification or event", async () => {
    const { uid } = await parley.putUser("deduped");
    const { token } = await parley.makeToken("deduped");
    const lost = () => failing([() => busy(503), () => Promise.reject(new TypeError("fetch failed"))]);
    const first = lost();
    const { id } = await first.client.notify({ to: { users: [uid] }, kind: "a", title: "once", text: "" });
    const second = lost();
    await second.client.push({ to: { users: [uid] }, kind: "a", data: 1 });
    for (const { bodies } of [first, second]) {
      expect([bodies.length, new Set(bodies).size]).toEqual([3, 1]);
      expect(JSON.parse(bodies[0] as string).dedupeKey).toBeString();
    }
    const client = createClient({ url: server.url, token });
    const notifications = notificationsOf(client);
    expect((await notifications.list({ state: "unread" })).items.map((one) => one.id)).toEqual([id]);
    expect(await notifications.seen(id)).toEqual({ unseen: 0, unread: 1 });
    expect(await notifications.read({ ids: [id] })).toEqual({ unseen: 0, unread: 0 });
    expect(await notifications.archive([id])).toEqual({ unseen: 0, unread: 0 });
    expect((await notifications.list()).items).toEqual([]);
  });

  test("not before Retry-After is over", async () => {
    const { client, times } = failing([() => busy(429, { "Retry-After": "1" })]);
    await client.getRoom("shop");
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(990);
  }, 30_000);

  test("as often as `tries` says, and then the last refusal is the answer", async () => {
    const refused = Array.from({ length: 9 }, () => () => busy(503));
    const five = failing([...refused]);
    expect(await five.client.getRoom("shop").catch((error) => error.code)).toBe("overloaded");
    expect(five.times).toHaveLength(5);
    const once = failing([...refused], { tries: 1 });
    expect(await once.client.getRoom("shop").catch((error) => error.code)).toBe("overloaded");
    expect(once.times).toHaveLength(1);
  });

  test("SDK-115: and where none is answered the error names the server, and the platform's word for it where there is one", async () => {
    const failures: [unknown, string][] = [
      [Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } }), " (ECONNREFUSED)"],
      [Object.assign(new Error("x"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), " (DEPTH_ZERO_SELF_SIGNED_CERT)"],
      [new TypeError("Failed to fetch"), ""],
      [new DOMException("The operation was aborted.", "AbortError"), ""],
      [undefined, ""],
    ];
    for (const [failure, why] of failures) {
      const { client } = failing([() => Promise.reject(failure)], { tries: 1 });
      const error = await client.getUser("ada").catch((error: ParleyError) => error);
      expect(error).toMatchObject({ status: 0, code: "offline", message: `No answer from ${server.url}${why}` });
    }
  });

  test("unless the caller gives it up, also in the middle of a wait", async () => {
    const { client, times } = failing([() => busy(503, { "Retry-After": "60" })]);
    const abort = new AbortController();
    const asked = client.getRoom("shop", { signal: abort.signal }).catch((error) => error.code);
    while (times.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await asked).toBe("overloaded");
    expect(times).toHaveLength(1);
  });
});
