import { afterAll, beforeAll, expect, test } from "bun:test";
import { ActiveStatus, Push } from "@parley/protocol";
import { type Person, say, TestServer } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { sendAll } from "../load.ts";
import { SseReader } from "../sse-reader.ts";
import { range } from "./stage.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
let room: number;
let stream: string;
beforeAll(async () => {
  server = await TestServer.start({ MAX_QUEUE_BYTES: "65536" });
  [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
  room = await server.room(ann, [ben]);
  stream = `room:${room}`;
}, 30_000);
afterAll(() => server.stop());

const path = (query: string) => `${server.url}/api/v1/events/stream${query}`;
const now = async () => (await ben.api.ok<{ cursor: string }>("GET", "/events")).cursor;
const query = (cursor: string) => `?cursor=${encodeURIComponent(cursor)}`;

async function streams(): Promise<number> {
  const page = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^parley_connections\{transport="sse"\} (\d+)$/m.exec(page)?.[1]);
}

test("TR-20: READY comes first; every frame is one `data:` line, no `event:` names it, and nothing may hold it back", async () => {
  const abort = new AbortController();
  const response = await fetch(path(`?token=${ben.token}`), { signal: abort.signal });
  expect(response.headers.get("Content-Type")).toBe("text/event-stream; charset=utf-8");
  expect(response.headers.get("X-Accel-Buffering")).toBe("no");
  expect(response.headers.get("Cache-Control")).toContain("no-store");
  const body = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  for (let said = false; !text.includes("hello\\nthere"); ) {
    text += new TextDecoder().decode((await body.read()).value);
    if (!said && text.includes(`"type":${Push.RED_DOT}`)) {
      said = true;
      await say(ann, room, "hello\nthere");
    }
  }
  abort.abort();
  const blocks = text.trimEnd().split("\n\n");
  expect(blocks[0]).toMatch(/^id: [0-9a-f]{16};\*@\d+\ndata: \{"type":101,/);
  for (const block of blocks) expect(block).toMatch(/^(id: [^\n]+\n)?data: \{[^\n]+\}$/);
});

test("TR-21: each id goes on exactly behind the frame it came with", async () => {
  const cursor = await now();
  for (const i of range(1, 45)) await say(ann, room, `${i}`);
  const reader = await SseReader.open(server.url, ben.token, query(cursor));
  await reader.frame(Push.CURSOR);
  await say(ann, room, "live");
  await reader.until(() => reader.stream(stream).length === 46, "all events");
  const logged = reader.frames.filter((frame) => frame.stream === stream);
  const named = logged.filter(({ id }) => id !== undefined);
  expect(named.length).toBeGreaterThanOrEqual(3);
  for (const { id, seq } of named) {
    const again = await SseReader.open(server.url, ben.token, query(id as string));
    await again.frame(Push.CURSOR);
    expect(again.stream(stream).map((frame) => frame.seq)).toEqual(range((seq as number) + 1, logged.at(-1)?.seq ?? 0));
    again.close();
  }
  reader.close();
});

test("TR-22: a browser that reconnects repeats its address and adds `Last-Event-ID`, which counts", async () => {
  const old = await now();
  await say(ann, room, "had already");
  const id = await now();
  await say(ann, room, "missed");
  const abort = new AbortController();
  const headers = { Authorization: `Bearer ${ben.token}`, "Last-Event-ID": id };
  const response = await fetch(path(query(old)), { headers, signal: abort.signal });
  const body = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  while (!text.includes('"live":true')) text += new TextDecoder().decode((await body.read()).value);
  abort.abort();
  expect([text.includes("missed"), text.includes("had already")]).toEqual([true, false]);
});

test("TR-22: `lastEventId` in the address counts more than `cursor`, and less than the header", async () => {
  const old = await now();
  await say(ann, room, "the first");
  const middle = await now();
  await say(ann, room, "the second");
  const end = await now();
  await say(ann, room, "the third");
  const heard = async (address: string, more: Record<string, string> = {}) => {
    const abort = new AbortController();
    const headers = { Authorization: `Bearer ${ben.token}`, ...more };
    const response = await fetch(path(address), { headers, signal: abort.signal });
    const body = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    while (!text.includes('"live":true')) text += new TextDecoder().decode((await body.read()).value);
    abort.abort();
    return ["the first", "the second", "the third"].filter((said) => text.includes(said));
  };
  const both = `${query(old)}&lastEventId=${encodeURIComponent(middle)}`;
  expect(await heard(both)).toEqual(["the second", "the third"]);
  expect(await heard(both, { "Last-Event-ID": end })).toEqual(["the third"]);
  expect(await heard(`${query(old)}&lastEventId=`)).toEqual(["the first", "the second", "the third"]);
});

test("TR-25: a frame longer than the queue reaches a client that reads, live and when it comes back for it", async () => {
  const narrow = await TestServer.start({ MAX_QUEUE_BYTES: "16384" });
  const [cat, dan] = (await Promise.all([narrow.person("cat"), narrow.person("dan")])) as [Person, Person];
  const id = await narrow.room(cat, [dan]);
  const name = `room:${id}`;
  const { cursor } = await dan.api.ok<{ cursor: string }>("GET", "/events");
  const live = await SseReader.open(narrow.url, dan.token);
  await live.frame(Push.RED_DOT);
  await say(cat, id, "\u{1f600}".repeat(4096));
  await say(cat, id, "the end");
  const back = await SseReader.open(narrow.url, dan.token, query(cursor));
  for (const reader of [live, back]) {
    await reader.until(() => reader.stream(name).length === 2, "both");
    reader.close();
  }
  await narrow.stop();
});

test("TR-25: a client that does not read is cut, has a prefix without gaps, and resumes from its last id", async () => {
  // Those of tests before this one may still be ending.
  const before = new Set(server.hub.ofUser(ben.uid));
  const reader = await SseReader.open(server.url, ben.token);
  await reader.frame(Push.RED_DOT);
  const connection = [...server.hub.ofUser(ben.uid)].find((one) => !before.has(one));
  const open = await streams();
  reader.pause();
  const senders = Array.from({ length: 8 }, () => ann);
  for (let round = 0; !connection?.closed; round++) {
    if (round === 40) throw new Error("32 MB were sent and the reader is still there");
    await sendAll({ senders, roomId: room, count: 200, label: `s${round}`, text: "x".repeat(4000) });
  }
  expect(await streams()).toBeLessThan(open);
  reader.resume();
  await reader.ended();
  const seen = reader.stream(stream);
  const first = seen[0]?.seq as number;
  expect(seen.map(({ seq }) => seq)).toEqual(range(first, first + seen.length - 1));
  const head = (await ann.api.ok<{ seq: number }>("GET", `/rooms/${room}`)).seq;
  expect(seen.length).toBeLessThan(head - first + 1);

  const id = reader.frames.findLast((frame) => frame.id !== undefined)?.id as string;
  const again = await SseReader.open(server.url, ben.token, `${query(id)}&max=100000`);
  await again.frame(Push.CURSOR);
  const rest = again.stream(stream).map(({ seq }) => seq as number);
  expect([...new Set([...seen.map(({ seq }) => seq as number), ...rest])]).toEqual(range(first, head));
  again.close();
}, 30_000);

test("TR-26: a user who reads by an event stream is online", async () => {
  const cai = await server.person("cai");
  const together = await server.room(ann, [cai]);
  const watcher = await server.live(ann);
  const reader = await SseReader.open(server.url, cai.token);
  const ofCai = ({ data }: SeenFrame) => data.changeList.find((change: { uid: number }) => change.uid === cai.uid);
  const told = await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, (frame) => ofCai(frame) !== undefined);
  expect(ofCai(told).activeStatus).toBe(ActiveStatus.online);
  expect(together).toBeGreaterThan(0);
  reader.close();
});
