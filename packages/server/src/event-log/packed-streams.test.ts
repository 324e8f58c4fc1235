import { expect, test } from "bun:test";
import { PackedStreams } from "./packed-streams.ts";

test("TR-47: how far a reader is in each stream is the same after they have waited, and in the same order", () => {
  const streams = new Map([
    ["user:20000", { have: 3, havePos: 7, until: null, joinedSeq: 1 }],
    ["room:9", { have: 0, havePos: Number.POSITIVE_INFINITY, until: 5, joinedSeq: 1 }],
    ["room:2", { have: 40, havePos: 0, until: 40, joinedSeq: 12 }],
  ]);
  const asked: string[] = [];
  const packed = new PackedStreams(streams, (name) => {
    asked.push(name);
    return name;
  });
  expect([...packed.unpack()]).toEqual([...streams]);
  expect(asked).toEqual([...streams.keys()]);
  expect([...packed.unpack()]).toEqual([...streams]);
});
