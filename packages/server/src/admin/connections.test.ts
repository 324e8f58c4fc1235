import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { administrator } from "../../test/administrator.ts";
import { pollsHang } from "../../test/hanging-polls.ts";
import { type Person, say, TestServer } from "../../test/harness.ts";
import type { LiveClient } from "../../test/live-client.ts";
import { SseReader } from "../../test/sse-reader.ts";
import { until } from "../../test/webhook-receiver.ts";

interface Shown {
  readonly id: string;
  readonly uid: number | null;
  readonly transport: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly state: string;
  readonly rooms: number;
  readonly queuedBytes: number;
  readonly lastFrameAt: number;
  readonly since: number;
}

let server: TestServer;
let root: Person;
let ann: Person;
let ben: Person;
beforeAll(async () => {
  server = await TestServer.start({ HALL: "public" });
  root = await administrator(server, "root");
  [ann, ben] = [await server.person("ann"), await server.person("ben")];
}, 20_000);
afterAll(() => server.stop());

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  // No request is left under way, since the server may stop then.
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await until("the end of the connections", async () => (await list()).length === 0);
});

const list = async (query = "") =>
  (await root.api.ok<{ items: Shown[] }>("GET", `/admin/connections?limit=100${query}`)).items;
async function live(person: Person, ip: string): Promise<LiveClient> {
  const client = await server.live(person, { headers: { "X-Forwarded-For": ip, "User-Agent": `of ${person.name}` } });
  opened.push(client);
  return client;
}
async function stream(person: Person, ip: string): Promise<SseReader> {
  const headers = { "X-Forwarded-For": ip, "User-Agent": "an event source" };
  const reader = await SseReader.open(server.url, person.token, "", headers);
  await reader.frame(Push.RED_DOT);
  opened.push(reader);
  return reader;
}
async function hangingPoll(person: Person, ip: string) {
  const { cursor } = await person.api.ok<{ cursor: string }>("GET", "/events");
  const reply = person.api.call<{ events: unknown[] }>("GET", `/events?wait=20&cursor=${cursor}`, undefined, {
    "X-Forwarded-For": ip,
    "User-Agent": "a poller",
  });
  await pollsHang(server.url, 1);
  opened.push({ close: () => say(root, 1, "an end for polls") });
  return { reply };
}

describe("what is live", () => {
  test("ADM-6: each connection tells the truth: person, real address, transport, agent, rooms, times", async () => {
    const room = await server.room(ann, [ben]);
    const before = Date.now();
    await live(ann, "203.0.113.7");
    const anonymous = await server.connect({ headers: { "X-Forwarded-For": "2001:db8::7" } });
    opened.push(anonymous);
    await anonymous.frame(Push.READY);
    await stream(ben, "203.0.113.8");
    await hangingPoll(ben, "203.0.113.9");
    const items = await list();
    const common = { queuedBytes: 0, state: "live" };
    expect(items).toMatchObject([
      { ...common, transport: "websocket", uid: ann.uid, ip: "203.0.113.7", userAgent: "of ann", rooms: 1 },
      { ...common, transport: "websocket", uid: null, ip: "2001:db8::7", rooms: 0 },
      { ...common, transport: "sse", uid: ben.uid, ip: "203.0.113.8", userAgent: "an event source", rooms: 1 },
      {
        queuedBytes: 0,
        state: "hanging",
        transport: "poll",
        uid: ben.uid,
        ip: "203.0.113.9",
        userAgent: "a poller",
        rooms: 1,
      },
    ]);
    for (const { since, lastFrameAt } of items) {
      expect(since).toBeGreaterThanOrEqual(before - 1);
      expect(since).toBeLessThanOrEqual(Date.now() + 1);
      expect(lastFrameAt).toBeGreaterThanOrEqual(before - 1);
      expect(lastFrameAt).toBeLessThanOrEqual(Date.now() + 1);
    }
    expect(JSON.stringify(items)).not.toContain(ann.token);
    await ann.api.ok("DELETE", `/rooms/${room}`);
  });

  test("ADM-6: lastFrameAt is when its client sent something", async () => {
    const client = await live(ann, "203.0.113.7");
    const [before] = await list();
    let [after] = [before];
    for (let turn = 0; after?.lastFrameAt === before?.lastFrameAt; turn++) {
      if (turn > 100) throw new Error("what the client sends does not count");
      await client.echo();
      [after] = await list();
    }
    expect(after?.lastFrameAt).toBeGreaterThan((before as Shown).lastFrameAt);
    // While its client sends nothing it stays, to the rounding of a millisecond.
    const asked = Date.now();
    let [later] = [after];
    while (Date.now() - asked < 20) [later] = await list();
    expect(Math.abs((later?.lastFrameAt as number) - (after?.lastFrameAt as number))).toBeLessThanOrEqual(2);
    expect(after?.since).toBe((before as Shown).since);
  });

  test("ADM-6: filters by person, address and transport", async () => {
    await live(ann, "203.0.113.7");
    await live(ben, "203.0.113.7");
    await stream(ann, "203.0.113.8");
    const seen = async (query: string) => (await list(query)).map(({ uid, transport }) => [uid, transport]);
    expect(await seen(`&uid=${ann.uid}`)).toEqual([
      [ann.uid, "websocket"],
      [ann.uid, "sse"],
    ]);
    expect(await seen("&ip=203.0.113.7")).toEqual([
      [ann.uid, "websocket"],
      [ben.uid, "websocket"],
    ]);
    expect(await seen("&transport=sse")).toEqual([[ann.uid, "sse"]]);
    expect(await seen(`&transport=poll&uid=${ann.uid}`)).toEqual([]);
    expect(await seen("&uid=99999")).toEqual([]);
  });

  test("ADM-6: pages show each once, also when some of them go between", async () => {
    const clients: LiveClient[] = [];
    for (let n = 0; n < 5; n++) clients.push(await live(n % 2 ? ann : ben, `203.0.113.${n}`));
    await stream(ann, "203.0.113.100");
    const ids: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { items: Shown[]; nextCursor: string | null } = await root.api.ok(
        "GET",
        `/admin/connections?limit=2&cursor=${cursor}`,
      );
      ids.push(...page.items.map(({ ip }) => ip));
      cursor = page.nextCursor;
      // The last connection of the first page goes: the next page continues after it.
      if (ids.length === 2) {
        clients[1]?.close();
        await until("its end", async () => (await list()).length === 5);
      }
    }
    expect(ids).toEqual(["203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.100"]);
    expect((await root.api.call("GET", "/admin/connections?cursor=x-1")).status).toBe(400);
  });
});

describe("closing one", () => {
  const close = (id: string | undefined, body?: object) => root.api.call("DELETE", `/admin/connections/${id}`, body);

  test("ADM-7: a connection is closed with 1000 and the reason, and no other one", async () => {
    const [mine, other] = [await live(ann, "203.0.113.7"), await live(ann, "203.0.113.8")];
    const [first] = await list();
    expect((await close(first?.id, { reason: "moving you" })).status).toBe(204);
    expect(await mine.ended()).toEqual({ code: 1000, reason: "moving you" });
    await other.echo();
    expect((await close(first?.id)).status).toBe(404);
    const acts = await root.api.ok<{ items: unknown[] }>("GET", "/admin/audit?limit=1");
    expect(acts.items).toMatchObject([
      {
        act: "connection.close",
        uid: root.uid,
        target: first?.id,
        before: { uid: ann.uid, ip: "203.0.113.7", transport: "websocket" },
        after: { reason: "moving you" },
      },
    ]);
  });

  test("ADM-7: an event stream ends, and a hanging poll is answered", async () => {
    const reader = await stream(ben, "203.0.113.8");
    const { reply } = await hangingPoll(ann, "203.0.113.9");
    const [sse, poll] = await list();
    for (const one of [sse, poll]) expect((await close(one?.id)).status).toBe(204);
    await reader.ended();
    expect(await reply).toMatchObject({ status: 200, body: { events: [] } });
  });

  test.each([[{ reason: "x".repeat(121) }], [{ reason: "é".repeat(61) }], [{ reason: "two\nlines" }], [{ reason: 1 }]])(
    "ADM-7: the reason %j does not fit into a close frame, or is not a text",
    async (body) => {
      const client = await live(ann, "203.0.113.7");
      const [one] = await list();
      expect((await close(one?.id, body)).status).toBe(400);
      await client.echo();
      expect((await close(one?.id, { reason: "é".repeat(60) })).status).toBe(204);
      expect((await client.ended()).reason).toBe("é".repeat(60));
    },
  );
});

test("ADM-2: the numbers of live connections by transport", async () => {
  await live(ann, "203.0.113.7");
  await stream(ann, "203.0.113.8");
  const { reply } = await hangingPoll(ben, "203.0.113.9");
  const stats = await root.api.ok<object>("GET", "/admin/stats");
  expect(stats).toMatchObject({ connections: { websocket: 1, sse: 1, poll: 1 }, onlineNum: 2, people: 3, bans: 0 });
  const nodes = await root.api.ok<{ items: object[] }>("GET", "/admin/nodes");
  expect(nodes.items).toMatchObject([{ connections: 3, onlineNum: 2, self: true }]);
  await say(root, 1, "an end");
  await reply;
});
