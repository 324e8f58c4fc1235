import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push, parseCursor } from "@parley/protocol";
import { uptimeMs } from "../../src/lib/uptime.ts";
import { pollsHang } from "../hanging-polls.ts";
import { type Person, say, TestServer } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { range } from "./stage.ts";

interface Reply {
  readonly events: SeenFrame[];
  readonly cursor: string;
  readonly more: boolean;
}

let server: TestServer;
let ann: Person;
let ben: Person;
let room: number;
beforeAll(async () => {
  server = await TestServer.start({ MAX_CONNECTIONS_PER_USER: "3" });
  [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
  room = await server.room(ann, [ben]);
}, 30_000);
afterAll(() => server.stop());

const get = (query = "") => ben.api.ok<Reply>("GET", `/events${query}`);
const from = (cursor: string) => `?cursor=${encodeURIComponent(cursor)}`;
const seqs = ({ events }: Reply) => events.map(({ seq }) => seq);

const hanging = (count: number) => pollsHang(server.url, count);

test("TR-40: without a cursor the answer is where now is, at once, whatever `wait` says", async () => {
  const { events, cursor, more } = await get("?wait=60");
  expect([events, more]).toEqual([[], false]);
  expect(parseCursor(cursor).streams.size).toBe(0);
  await say(ann, room, "after");
  expect((await get(from(cursor))).events.map(({ data }) => data.message.body.content)).toEqual(["after"]);
});

test("TR-41: `limit` bounds a reply; POST takes the same as a body; an old cursor brings the same events", async () => {
  const { cursor } = await get();
  for (const i of range(1, 7)) await say(ann, room, `${i}`);
  const first = await get(`${from(cursor)}&limit=3`);
  const second = await ben.api.ok<Reply>("POST", "/events", { cursor: first.cursor, limit: 4, wait: 0 });
  expect([first.more, second.more, seqs(first).length, seqs(second).length]).toEqual([true, false, 3, 4]);
  expect([...seqs(first), ...seqs(second)]).toEqual(seqs(await get(`${from(cursor)}&limit=1000000`)));
  expect(await get(`${from(cursor)}&limit=3`)).toEqual(first);
  for (const bad of ["limit=0", "limit=x", "max=0", "max=100001", "wait=-1"]) {
    const { status, body } = await ben.api.call<{ code: string }>("GET", `/events${from(cursor)}&${bad}`);
    expect([bad, status, body.code]).toEqual([bad, 400, "invalid"]);
  }
});

test("TR-44: a long poll returns as soon as there is something, and with nothing when its time is over", async () => {
  const { cursor } = await get();
  const hung = get(`${from(cursor)}&wait=60`);
  await hanging(1);
  const started = uptimeMs();
  const nothing = await get(`${from(cursor)}&wait=1`);
  expect(uptimeMs() - started).toBeGreaterThanOrEqual(950);
  expect(nothing.events).toEqual([]);
  await hanging(1);
  await say(ann, room, "there");
  expect((await hung).events).toHaveLength(1);
  await hanging(0);
}, 20_000);

test("TR-45: a poll that hangs ends when its client goes", async () => {
  const { cursor } = await get();
  const abort = new AbortController();
  const headers = { Authorization: `Bearer ${ben.token}` };
  const gone = fetch(`${server.url}/api/v1/events${from(cursor)}&wait=60`, { headers, signal: abort.signal });
  const failed = gone.then(
    () => false,
    () => true,
  );
  await hanging(1);
  abort.abort();
  await hanging(0);
  expect(await failed).toBe(true);
});

test("TR-46: a user may have as many hanging polls as connections; when one more comes, the oldest is answered", async () => {
  const { cursor } = await get();
  const hung: Promise<Reply>[] = [];
  for (const count of range(1, 3)) {
    hung.push(get(`${from(cursor)}&wait=60`));
    await hanging(count);
  }
  hung.push(get(`${from(cursor)}&wait=60`));
  expect((await (hung[0] as Promise<Reply>)).events).toEqual([]);
  await hanging(3);
  await say(ann, room, "for all");
  expect((await Promise.all(hung.slice(1))).map(({ events }) => events.length)).toEqual([1, 1, 1]);
});

test("TR-49: frames that are not logged never come by polls", async () => {
  const { cursor } = await get();
  const live = await server.live(ann);
  const poll = get(`${from(cursor)}&wait=60`);
  await hanging(1);
  live.send({ type: Command.TYPING, data: { roomId: room } });
  await live.frame(Push.ONLINE_OFFLINE_NOTIFY);
  await say(ann, room, "logged");
  const { events } = await poll;
  expect(events.map(({ type, stream }) => [type, stream])).toEqual([[Push.MESSAGE, `room:${room}`]]);
  live.close();
});
