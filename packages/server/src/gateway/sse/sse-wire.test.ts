import { beforeEach, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { LocalTopics } from "../local-topics.ts";
import { SseWire } from "./sse-wire.ts";

const EPOCH = "00000000000000aa";
const TEXT = new TextDecoder();

let topics: LocalTopics;
let ends: number[];
let onServerEnd: number;
let drained: number;
let wire: SseWire;
let reader: ReadableStreamDefaultReader<Uint8Array>;

function open(maxQueueBytes = 1000): void {
  topics = new LocalTopics(EPOCH);
  ends = [];
  onServerEnd = 0;
  drained = 0;
  wire = new SseWire({
    topics,
    maxQueueBytes,
    onDrained: () => void drained++,
    onEnd: (code) => void ends.push(code),
    onServerEnd: () => void onServerEnd++,
  });
  reader = wire.body.getReader();
}
beforeEach(() => open());

/** Everything up to the end, as its client would read it. */
async function rest(): Promise<string> {
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += TEXT.decode(value);
  }
}

const event = (pos: number) => ({ pos, stream: "room:1", seq: pos, type: 4, data: "{}", at: 1 }) as never;

describe("what is written", () => {
  test("TR-20, TR-21: is a block each: the frame in one line, with a cursor where it has one", async () => {
    wire.subscribe("room:1");
    wire.send('{"type":1}');
    wire.sendAt('{"type":2}', "aa;*@7");
    wire.retryAfter(250);
    wire.comment();
    topics.publish("room:1", '{"type":3}', event(8));
    topics.publish("room:1", '{"type":4}', undefined);
    wire.close(1000);
    expect(await rest()).toBe(
      `data: {"type":1}\n\nid: aa;*@7\ndata: {"type":2}\n\nretry: 250\n\n:\n\nid: ${EPOCH};*@8\ndata: {"type":3}\n\ndata: {"type":4}\n\n`,
    );
  });

  test("is queued until the peer takes it, and counted in bytes", async () => {
    expect(wire.getBufferedAmount()).toBe(0);
    wire.send("é");
    expect(wire.getBufferedAmount()).toBe("data: é\n\n".length + 1);
    await reader.read();
    expect(wire.getBufferedAmount()).toBe(0);
    expect(drained).toBeGreaterThan(0);
  });

  test("leaves as one chunk for each turn of the loop", async () => {
    wire.send("a");
    wire.send("b");
    expect(wire.getBufferedAmount()).toBe(2 * "data: a\n\n".length);
    const first = await reader.read();
    wire.send("c");
    const second = await reader.read();
    expect([first, second].map(({ value }) => TEXT.decode(value))).toEqual(["data: a\n\ndata: b\n\n", "data: c\n\n"]);
  });

  test("is joined up to 2 KB, and a longer frame stands alone, all in order", async () => {
    open(100_000);
    // Including the framing, 1 000 bytes and 5 000.
    wire.send("a".repeat(4992));
    for (const letter of ["b", "c", "d"]) wire.send(letter.repeat(992));
    wire.send("e".repeat(4992));
    wire.send("f");
    wire.close(1000);
    const chunks: string[] = [];
    for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(TEXT.decode(read.value));
    expect(chunks.map(({ length }) => length)).toEqual([5000, 2000, 1000, 5000, 9]);
    expect(
      chunks
        .join("")
        .match(/data: ./g)
        ?.join(""),
    ).toBe("data: adata: bdata: cdata: ddata: edata: f");
  });
});

describe("TR-25: a peer that does not read", () => {
  const FRAME = "x".repeat(92);

  test("is cut by the first frame after the queue is over its maximum, not before, whatever the frame's length", async () => {
    // 100 bytes each.
    for (let i = 0; i < 10; i++) wire.send(FRAME);
    expect(wire.getBufferedAmount()).toBe(1000);
    wire.send("x".repeat(5000));
    expect(ends).toEqual([]);
    wire.send("x");
    expect([ends, onServerEnd]).toEqual([[1006], 1]);
    await expect(reader.read()).rejects.toBeUndefined();
  });

  test("gets nothing more once it is cut", () => {
    wire.subscribe("room:1");
    wire.terminate();
    wire.send("x");
    wire.retryAfter(1);
    wire.comment();
    wire.close(1000);
    wire.terminate();
    topics.publish("room:1", "x", undefined);
    expect([wire.getBufferedAmount(), ends, onServerEnd, topics.size]).toEqual([0, [1006], 1, 0]);
  });
});

describe("the end", () => {
  test("TR-27: takes its subscriptions with it, and lets none begin", () => {
    for (const topic of ["room:1", "room:2"]) wire.subscribe(topic);
    wire.unsubscribe("room:2");
    wire.unsubscribe("room:3");
    expect([wire.isSubscribed("room:1"), wire.isSubscribed("room:2"), topics.size]).toEqual([true, false, 1]);
    wire.close(1012);
    expect([wire.isSubscribed("room:1"), topics.size]).toEqual([false, 0]);
    wire.subscribe("room:1");
    expect([wire.isSubscribed("room:1"), topics.size]).toEqual([false, 0]);
  });

  test("by the client is told once, and lets nothing go that is gone already", async () => {
    await reader.cancel();
    wire.close(1000);
    expect([ends, onServerEnd]).toEqual([[1006], 0]);
  });

  test("comes after everything that was queued", async () => {
    wire.send("x");
    wire.close(1000);
    expect([ends, onServerEnd, await rest()]).toEqual([[1000], 1, "data: x\n\n"]);
  });

  test.each([
    [1013, "overloaded", ""],
    [4029, "too_many_connections", "retry: 60000\n\n"],
  ] as const)(
    "GW-42, GW-43: with %d says why, and when to come back where that would harm",
    async (code, name, retry) => {
      wire.close(code);
      const text = await rest();
      expect(text).toStartWith(`${retry}data: `);
      const frame = JSON.parse(text.slice(retry.length + "data: ".length));
      expect([frame.type, frame.data.code, frame.data.message.length > 0]).toEqual([Push.ERROR, name, true]);
      expect(ends).toEqual([code]);
    },
  );

  test.each([1000, 1001, 1008, 1012, 4001, 4008])("with %d says nothing more", async (code) => {
    wire.close(code as never);
    expect([await rest(), ends]).toEqual(["", [code]]);
  });
});
