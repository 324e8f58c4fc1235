import { expect, test } from "bun:test";
import type { Outbox } from "../../event-log/outbox.ts";
import { LocalTopics } from "../local-topics.ts";
import { PollReader } from "./poll-reader.ts";

/** A reader of an outbox that returns what a test says, and the questions that it got. */
function rig(...chunks: string[][]) {
  const asked: number[] = [];
  const outbox = {
    isAhead: false,
    reads: ["room:1"],
    streams: () => outbox.reads,
    next: async (limit: number) => {
      asked.push(limit);
      return chunks.shift() ?? [];
    },
  };
  const topics = new LocalTopics("0123456789abcdef");
  return { reader: new PollReader(outbox as unknown as Outbox, topics), outbox, topics, asked };
}

test("TR-41: what is read in several steps is no more than the limit, RESYNCs apart", async () => {
  const { reader, asked } = rig(["1", "2"], ["3"], ["RESYNC"]);
  expect(await reader.take(3)).toEqual(["1", "2", "3", "RESYNC"]);
  expect(asked).toEqual([3, 1, 0]);
});

test("TR-41: it ends where there is nothing more, and is not read again before something happens", async () => {
  const { reader, asked } = rig(["1", "2"]);
  expect(await reader.take(3)).toEqual(["1", "2"]);
  expect([asked, reader.mayHaveMore]).toEqual([[3, 1], false]);
  expect(await reader.take(3)).toEqual([]);
  expect(asked).toHaveLength(2);
});

test("TR-41: a reply that is long has no further frames, but there may be more", async () => {
  const long = "x".repeat(600_000);
  const { reader, asked } = rig([long], []);
  expect(await reader.take(3)).toEqual([long]);
  expect(asked).toEqual([3, 0]);
});

test("TR-41: where the log has more than fits into a reply there may be more", async () => {
  const { reader, outbox } = rig(["1", "2"], ["3"]);
  outbox.isAhead = true;
  expect([await reader.take(3), reader.mayHaveMore]).toEqual([["1", "2", "3"], true]);
});

test("TR-44: it is woken for the streams that it reads now, and for no other", async () => {
  const { reader, outbox, topics } = rig();
  await reader.take(3);
  outbox.reads = ["room:2", "room:3"];
  reader.deliver({ event: { stream: "room:1", seq: 1 } } as never);
  await reader.take(3);
  expect([topics.size, reader.weight]).toEqual([2, 3]);
  reader.close();
  expect(topics.size).toBe(0);
});
