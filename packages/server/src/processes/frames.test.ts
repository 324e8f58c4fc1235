import { expect, test } from "bun:test";
import { FRAME_BYTES_MAX, FrameFault, FrameReader, frameOf } from "./frames.ts";

const TEXTS = ["", "a", "ü".repeat(1000), JSON.stringify({ n: 1 })];

test("texts arrive as they were sent, in whatever pieces", () => {
  const all = Buffer.concat(TEXTS.map(frameOf));
  for (const size of [1, 2, 3, 5, 1000, all.byteLength]) {
    const reader = new FrameReader();
    const texts: string[] = [];
    for (let at = 0; at < all.byteLength; at += size) texts.push(...reader.take(all.subarray(at, at + size)));
    expect(texts).toEqual(TEXTS);
  }
});

test("a piece may be overwritten once it was taken", () => {
  const reader = new FrameReader();
  const frame = frameOf("hello");
  expect(reader.take(frame.subarray(0, 6))).toEqual([]);
  const rest = Buffer.from(frame.subarray(6));
  frame.fill(0);
  expect(reader.take(rest)).toEqual(["hello"]);
});

test("a frame that is too long is neither sent nor waited for", () => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(FRAME_BYTES_MAX + 1);
  expect(() => new FrameReader().take(head)).toThrow(FrameFault);
  expect(() => frameOf("x".repeat(FRAME_BYTES_MAX + 1))).toThrow(FrameFault);
});
