import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { EventsRig } from "../../../test/events-rig.ts";
import { ProblemError } from "../../lib/problem.ts";
import { SseWire } from "./sse-wire.ts";

let rig: EventsRig;
beforeEach(async () => {
  rig = await EventsRig.open();
});
afterEach(() => rig.close());

type Body = ReadableStreamDefaultReader<Uint8Array>;

/** Reads until the text so far matches. */
async function readUntil(body: Body, look: (text: string) => boolean): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  while (!look(text)) {
    const { done, value } = await body.read();
    if (done) throw new Error(`the stream ended with: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  return text;
}

const bodyOf = (response: Response) => (response.body as ReadableStream<Uint8Array>).getReader();

test("BAN-8: an event stream from an address that was banned since its request came is refused", () => {
  rig.banned.add("203.0.113.9");
  expect(() => rig.stream()).toThrow(expect.objectContaining({ code: "banned" }));
  expect(rig.hub.size).toBe(0);
});

test("TR-23: a quiet stream gets a comment every so often, which clients ignore", async () => {
  const stop = rig.sse.start(5);
  const body = bodyOf(rig.stream());
  await readUntil(body, (text) => text.includes("data: ") && text.endsWith(":\n\n:\n\n"));
  stop();
  await body.cancel();
});

test("DR-3: a stream whose token was still looked up when the drain began is refused, and leaves nothing", () => {
  rig.refused = new ProblemError("draining");
  for (const anonymous of [false, true]) expect(() => rig.stream({ anonymous })).toThrow(rig.refused);
  expect([rig.anonymous, rig.attached, rig.hub.size]).toEqual([0, 0, 0]);
});

test("TR-27: a stream whose client has gone gets no comments any more", async () => {
  const body = bodyOf(rig.stream());
  await readUntil(body, (text) => text.includes('"type":101'));
  await body.cancel();
  const comments = spyOn(SseWire.prototype, "comment");
  const other = bodyOf(rig.stream());
  const stop = rig.sse.start(5);
  try {
    await readUntil(other, (text) => text.endsWith(":\n\n"));
    expect(new Set(comments.mock.contexts).size).toBe(1);
  } finally {
    stop();
    comments.mockRestore();
    await other.cancel();
  }
});

test("TR-27: nothing is left of a stream whose client has gone, whenever it goes", async () => {
  const live = bodyOf(rig.stream());
  await readUntil(live, (text) => text.includes('"type":103'));
  await rig.say(1);
  await readUntil(live, (text) => text.includes('"room:1"'));
  expect([rig.attached, rig.hub.size, rig.topics.size, await rig.openSse()]).toEqual([1, 1, 1, 1]);
  await live.cancel();

  const gone = new AbortController();
  gone.abort();
  rig.stream({ signal: gone.signal });

  const going = new AbortController();
  rig.stream({ cursor: `${rig.log.scratch.epoch};*@0`, signal: going.signal });
  going.abort();
  expect([rig.attached, rig.hub.size, rig.topics.size, await rig.openSse()]).toEqual([0, 0, 0, 0]);
});

test("TR-28: HEAD says what a stream would be, and opens none", async () => {
  const response = await rig.routes().request("/events/stream?token=x", { method: "HEAD" });
  expect([response.status, response.headers.get("Content-Type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  expect(rig.hub.size).toBe(0);
});

test("TR-24, HTTP-51: streams have no idle timeout and end their connection, and polls leave the listener's as it is", async () => {
  const seconds: number[] = [];
  const server = { timeout: (_: Request, value: number) => void seconds.push(value) };
  const env = { ip: "203.0.113.9", server: server as unknown as Bun.Server<unknown> };
  const ask = (path: string) => rig.routes().request(path, {}, env);
  const stream = await ask("/events/stream?token=x");
  await ask("/events?token=x");
  await rig.say(1);
  await ask(`/events?token=x&wait=60&cursor=${encodeURIComponent(`${rig.log.scratch.epoch};*@0`)}`);
  await stream.body?.cancel();
  expect([seconds, stream.headers.get("Connection")]).toEqual([[0], "close"]);
});

test("TR-21: however much is sent at once, no more than twenty events come between two ids", async () => {
  await rig.say(300);
  const body = bodyOf(rig.stream({ cursor: `${rig.log.scratch.epoch};*@0` }));
  await rig.say(50);
  const inAll = (so: string) => so.split('"stream":').length - 1;
  const text = await readUntil(body, (so) => so.includes('"live":true') && inAll(so) === 350 && so.endsWith("\n\n"));
  const gaps = text.split(/^id: /m).slice(1).map(inAll);
  expect(gaps.reduce((sum, gap) => sum + gap, 0)).toBe(350);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(20);
  await body.cancel();
});

test("TR-12: a login that ended just after it was looked up gets INVALIDATE_TOKEN, and no stream", async () => {
  rig.holds = false;
  const text = await rig.stream().text();
  expect(text).toBe('data: {"type":6}\n\n');
  expect([rig.attached, rig.hub.size, rig.topics.size]).toEqual([0, 0, 0]);
});

test("TR-15: an anonymous stream gives its place back when it ends, whenever that is", async () => {
  const body = bodyOf(rig.stream({ anonymous: true }));
  const text = await readUntil(body, (text) => text.includes('"type":101'));
  expect([rig.anonymous, rig.attached, text.includes('"type":103')]).toEqual([1, 0, false]);
  await body.cancel();
  const gone = new AbortController();
  gone.abort();
  rig.stream({ anonymous: true, signal: gone.signal });
  expect(() => rig.stream({ anonymous: true, cursor: "rubbish" })).toThrow();
  expect([rig.anonymous, rig.hub.size]).toEqual([0, 0]);
});
