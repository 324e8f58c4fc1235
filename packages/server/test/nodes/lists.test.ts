import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Push } from "@parley/protocol";
import { answerNodes } from "../../src/admin/node-here.ts";
import { nextTurn } from "../../src/lib/interval.ts";
import { uptimeMs } from "../../src/lib/uptime.ts";
import { setPower } from "../administrator.ts";
import { pollsHang } from "../hanging-polls.ts";
import { type Person, say } from "../harness.ts";
import type { LiveClient } from "../live-client.ts";
import { TestNodes } from "../nodes-rig.ts";
import { openDoor } from "../server-door.ts";
import { SseReader } from "../sse-reader.ts";
import { onPostgres } from "../test-database.ts";

/** A deadline, for slow machines. */
setDefaultTimeout(30_000);

const WHOLE_MS = 10_000;

interface Shown {
  readonly id: string;
  readonly node: string;
  readonly uid: number;
  readonly ip: string;
  readonly transport: string;
  readonly rooms: number;
}
interface Page {
  readonly items: Shown[];
  readonly nextCursor: string | null;
  readonly missingNodes: string[];
}

let nodes: TestNodes;
let root: Person;
let ann: Person;
let ben: Person;
let room: number;
const opened: LiveClient[] = [];
let stream: SseReader;
let poll: Promise<{ status: number }>;

beforeAll(async () => {
  nodes = await TestNodes.start(3);
  [root, ann, ben] = [await nodes.person("root"), await nodes.person("ann"), await nodes.person("ben")];
  await setPower(nodes.at(0), "root", 1);
  room = await nodes.at(0).room(ann, [ben]);
  for (let n = 0; n < 6; n++) {
    const headers = { "X-Forwarded-For": `203.0.113.${n}` };
    opened.push(await nodes.at(n % 2).live(n < 4 ? ann : ben, { headers }));
    // On different nodes nothing else tells which of two of one millisecond came first.
    for (const began = Date.now(); Date.now() === began; ) await nextTurn();
  }
  stream = await SseReader.open(nodes.at(1).url, ben.token);
  await stream.frame(Push.RED_DOT);
  const there = nodes.on(1, ann).api;
  const { cursor } = await there.ok<{ cursor: string }>("GET", "/events");
  poll = there.call("GET", `/events?wait=30&cursor=${cursor}`);
  await pollsHang(nodes.at(1).url, 1);
}, 30_000);
afterAll(async () => {
  stream?.close();
  await nodes[Symbol.asyncDispose]();
}, 30_000);

const list = (query = "", index = 0) =>
  nodes.on(index, root).api.ok<Page>("GET", `/admin/connections?limit=100${query}`);

/** Asks until all nodes have answered: on a machine that stands still, one may need longer than a second. */
async function whole<T extends { missingNodes: string[] }>(ask: () => Promise<T>): Promise<T> {
  const began = uptimeMs();
  let answer = await ask();
  while (answer.missingNodes.length > 0 && uptimeMs() - began < WHOLE_MS) answer = await ask();
  expect(answer.missingNodes).toEqual([]);
  return answer;
}

describe("lists over all nodes", () => {
  test("NODE-7: connections of all nodes, by transport and age, whichever node is asked", async () => {
    for (const index of [0, 1, 2]) {
      const { items } = await whole(() => list("", index));
      expect(items.map(({ transport }) => transport)).toEqual([...Array(6).fill("websocket"), "sse", "poll"]);
      expect(items.slice(0, 6).map(({ ip }) => ip)).toEqual([0, 1, 2, 3, 4, 5].map((n) => `203.0.113.${n}`));
      expect(items.slice(0, 6).map(({ node }) => node)).toEqual([0, 1, 2, 3, 4, 5].map((n) => nodes.idOf(n % 2)));
      expect(new Set(items.map(({ id }) => id)).size).toBe(8);
      for (const { rooms } of items) expect(rooms).toBe(1);
    }
    expect((await whole(() => list(`&uid=${ben.uid}`))).items.map(({ transport }) => transport)).toEqual([
      "websocket",
      "websocket",
      "sse",
    ]);
  });

  test("NODE-7: pages show each connection once", async () => {
    const ids: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const asked = `/admin/connections?limit=3&cursor=${encodeURIComponent(cursor)}`;
      const page: Page = await whole(() => nodes.on(2, root).api.ok<Page>("GET", asked));
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(ids).toEqual((await whole(list)).items.map(({ id }) => id));
  });

  test("NODE-7: what one person has, the numbers of all, and the nodes", async () => {
    const get = <T extends object>(path: string) =>
      whole(() => root.api.ok<T & { missingNodes: string[] }>("GET", path));
    const one = await get<{ connections: Shown[] }>(`/admin/users/${ann.uid}/live`);
    expect(one.connections).toHaveLength(5);
    expect(one).toMatchObject({ activeStatus: 1, rooms: 1 });
    expect(await get("/admin/stats")).toMatchObject({
      connections: { websocket: 6, sse: 1, poll: 1 },
      onlineNum: 2,
    });
    const { items } = await get<{ items: { node: string; self: boolean; connections: number }[] }>("/admin/nodes");
    expect(items.map(({ node }) => node).sort()).toEqual([0, 1, 2].map((n) => nodes.idOf(n)).sort());
    expect(items.map(({ self }) => self)).toEqual([true, false, false]);
    expect(items[0]?.connections).toBe(3);
    expect(items.map(({ connections }) => connections).sort()).toEqual([0, 3, 5]);
  });

  test("NODE-7: the product's backend is told who is online on any node, and for whom a message waits", async () => {
    const door = await openDoor(nodes.at(2), "backend");
    const users = { users: [ann.uid, ben.uid, root.uid] };
    const ask = () => door.ok<{ items: { activeStatus: number }[]; onlineNum: number }>("POST", "/presence", users);
    let told = await ask();
    // The nodes gather what they tell each other for a moment.
    for (const began = uptimeMs(); told.onlineNum < 2 && uptimeMs() - began < WHOLE_MS; ) told = await ask();
    expect(told.items.map(({ activeStatus }) => activeStatus)).toEqual([1, 1, 2]);
    expect(told.onlineNum).toBe(2);
  });

  test("NODE-7: a connection, and a poll, of another node is closed; each is found by its id alone", async () => {
    const { items } = await whole(list);
    const close = (id: string | undefined, body: object = {}) =>
      nodes.on(2, root).api.call("DELETE", `/admin/connections/${id}`, body);
    expect((await close(items[5]?.id, { reason: "moving you" })).status).toBe(204);
    expect(await opened[5]?.ended()).toEqual({ code: 1000, reason: "moving you" });
    expect((await close(items[7]?.id)).status).toBe(204);
    expect((await poll).status).toBe(200);
    expect((await close(items[5]?.id)).status).toBe(404);
    const acts = await root.api.ok<{ items: object[] }>("GET", "/admin/audit?limit=2");
    expect(acts.items[1]).toMatchObject({ act: "connection.close", target: items[5]?.id, before: { uid: ben.uid } });
    await say(ann, room, "still here");
    await opened[0]?.frame(Push.MESSAGE);
  });

  test("NODE-7: a close that its node does not answer is no success, and names the node; one that another node does not answer is", async () => {
    const { items } = await whole(list);
    const [first, second] = items.map(({ id }) => id);
    const close = (id: string | undefined) => nodes.on(2, root).api.call("DELETE", `/admin/connections/${id}`, {});
    const held = new Promise(() => {});
    nodes.at(0).context.questions.on("close", () => held);
    const missingNodes = [nodes.idOf(0)];
    expect(await close(first)).toMatchObject({ status: 503, body: { code: "overloaded", missingNodes } });
    expect((await close(second)).status).toBe(204);
    expect(await opened[1]?.ended()).toMatchObject({ code: 1000 });
    nodes.at(0).context.questions.on("connection", () => held);
    expect(await close(first)).toMatchObject({ status: 503, body: { code: "overloaded", missingNodes } });
    answerNodes(nodes.at(0).context);
    expect((await close(first)).status).toBe(204);
    expect(await opened[0]?.ended()).toMatchObject({ code: 1000 });
  }, 20_000);

  test.skipIf(onPostgres)(
    "NODE-7: a node that does not answer within a second is named, and nothing is said to be gone",
    async () => {
      nodes.silence(1);
      const before = uptimeMs();
      const page = await list();
      // Nothing else would end the wait.
      expect(uptimeMs() - before).toBeLessThan(10_000);
      expect(page.missingNodes).toEqual([nodes.idOf(1)]);
      expect(new Set(page.items.map(({ node }) => node))).toEqual(new Set([nodes.idOf(0)]));
      expect(await root.api.ok<object>("GET", "/admin/series?name=connections")).toMatchObject({ missingNodes: [] });
      for (const path of ["/admin/stats", "/admin/nodes", `/admin/users/${ann.uid}/live`]) {
        expect(await root.api.ok<object>("GET", path)).toMatchObject({ missingNodes: [nodes.idOf(1)] });
      }
      expect(await root.api.call("DELETE", "/admin/connections/unknown", {})).toMatchObject({ status: 503 });
      await nodes.declareDead(1);
      expect((await list()).missingNodes).toEqual([]);
      expect(await root.api.call("DELETE", "/admin/connections/unknown", {})).toMatchObject({ status: 404 });
    },
    40_000,
  );
});
