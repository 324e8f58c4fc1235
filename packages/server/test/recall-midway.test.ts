import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, MessageType, Push } from "@parley/protocol";
import { nextTurn } from "../src/lib/interval.ts";
import { type Person, TestServer } from "./harness.ts";
import type { SeenFrame } from "./live-client.ts";
import { sendAll } from "./load.ts";
import { RawClient } from "./raw-client.ts";
import { SseReader } from "./sse-reader.ts";

const SECRET = "what must not be read";
/** More than the kernel's buffers and the queue together hold, counted in messages of 4 KB. */
const BEFORE = 4000;
const AFTER = 20;

let server: TestServer;
let ann: Person;
let ben: Person;
beforeAll(async () => {
  server = await TestServer.start({ HALL: "off" });
  [ann, ben] = (await Promise.all([server.person("ann"), server.person("ben")])) as [Person, Person];
}, 30_000);
afterAll(() => server.stop());

/** A room with a long backlog that has the secret near its end. */
async function backlog(): Promise<{ room: number; cursor: string; secret: number }> {
  const room = await server.room(ann, [ben]);
  const { cursor } = await ben.api.ok<{ cursor: string }>("GET", "/events");
  const senders = Array.from({ length: 16 }, () => ann);
  await sendAll({ senders, roomId: room, count: BEFORE, label: `a${room}`, text: "x".repeat(4000) });
  const request = { clientId: `secret-${room}`, type: 1, body: { content: SECRET } };
  const sent = await ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, request);
  await sendAll({ senders: [ann], roomId: room, count: AFTER, label: `b${room}` });
  return { room, cursor, secret: sent.message.id };
}

/** Whether any reader is still catching up: what it has not been sent yet is still to be read. */
function isMidway(): boolean {
  return [...server.hub.all()].some(({ state }) => state.kind === "catching-up");
}

/** Checks that every event came once, including the one in the secret's place, and that its text never came. */
function check(frames: readonly SeenFrame[], at: { room: number; secret: number }): void {
  const seen = frames.filter(({ stream }) => stream === `room:${at.room}`);
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, i) => i + 2));
  const place = seen.find(({ type, data }) => type === Push.MESSAGE && data.message.id === at.secret);
  expect(place?.data.message.type).toBe(MessageType.recalled);
  expect(JSON.stringify(frames)).not.toContain(SECRET);
}

const hasRecall = (frames: readonly SeenFrame[]) => frames.some(({ type }) => type === Push.RECALL);

test("TR-5: recalled while a WebSocket is in the middle of its backfill, the text is not sent to it any more", async () => {
  const { room, cursor, secret } = await backlog();
  const reader = await RawClient.open(server.url, ben.token, "/ws?resume=1");
  await reader.until((frames) => frames.some(({ type }) => type === Push.READY));
  reader.pause();
  reader.send({ type: Command.RESUME, data: { cursor, max: 9000 } });
  await untilStuck();
  await ann.api.ok("DELETE", `/messages/${secret}`);
  expect(isMidway()).toBe(true);
  reader.resume();
  await reader.until(hasRecall);
  check(reader.frames, { room, secret });
}, 60_000);

test("TR-5: recalled while an event stream is in the middle of its backfill, the text is not sent to it any more", async () => {
  const { room, cursor, secret } = await backlog();
  const reader = await SseReader.open(server.url, ben.token, `?max=9000&cursor=${encodeURIComponent(cursor)}`);
  reader.pause();
  await untilStuck();
  await ann.api.ok("DELETE", `/messages/${secret}`);
  expect(isMidway()).toBe(true);
  reader.resume();
  await reader.until(() => hasRecall(reader.frames), "the recall");
  check(reader.frames, { room, secret });
  reader.close();
}, 60_000);

test("TR-5: recalled between two polls, the text does not come with the second, though it was read for the first", async () => {
  const room = await server.room(ann, [ben]);
  let { cursor } = await ben.api.ok<{ cursor: string }>("GET", "/events");
  await sendAll({ senders: [ann], roomId: room, count: 20, label: `c${room}` });
  const request = { clientId: `secret-${room}`, type: 1, body: { content: SECRET } };
  const sent = await ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, request);
  const frames: SeenFrame[] = [];
  for (let more = true, round = 0; more; round++) {
    const reply = await ben.api.ok<{ events: SeenFrame[]; cursor: string; more: boolean }>("POST", "/events", {
      cursor,
      limit: 10,
    });
    frames.push(...reply.events);
    ({ cursor, more } = reply);
    if (round === 0) await ann.api.ok("DELETE", `/messages/${sent.message.id}`);
  }
  expect(hasRecall(frames)).toBe(true);
  check(frames, { room, secret: sent.message.id });
});

/** Resolves when a reader that does not read has been sent all that fits in between. */
async function untilStuck(): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const readers = [...server.hub.all()].filter(({ state }) => state.kind === "catching-up");
    if (readers.some(({ queuedBytes }) => queuedBytes > 0)) return;
    await nextTurn();
  }
  throw new Error("the backlog went out whole");
}
