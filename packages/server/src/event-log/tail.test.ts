import { afterEach, expect, test } from "bun:test";
import { HeldAnswers } from "../../test/held-answers.ts";
import { keepNewest, type LogRig, openLog } from "../../test/log-rig.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { Tail } from "./tail.ts";

let rig: LogRig;
afterEach(() => rig.close());

const read = async (tail: Tail, after: number, limit: number) =>
  (await tail.read([{ stream: "room:1", after }], limit)).get("room:1");
const seqs = (events: { seq: number }[] | undefined) => events?.map((event) => event.seq);
const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream }));

test("LOG-5 what is in memory and what is read from the log is the same", async () => {
  rig = await openLog();
  for (let i = 0; i < 16; i++) await rig.append(...many(100));
  const cold = new Tail(rig.reader, { position: rig.tail.position, maxBytes: 1_000_000 });
  for (const after of [0, 1, 555, 599, 600, 601, 1399, 1400, 1599, 1600]) {
    expect(seqs(await read(rig.tail, after, 50))).toEqual(seqs(await read(cold, after, 50)));
  }
  expect(rig.tail.peek("room:1", 500, 10)).toBeUndefined();
  expect(seqs(rig.tail.peek("room:1", 1598, 10))).toEqual([1599, 1600]);
});

test("LOG-5 memory stays within its bound, and evicted streams are read again", async () => {
  rig = await openLog({ maxBytes: 20_000 });
  for (let room = 1; room <= 50; room++) await rig.append(...many(20, `room:${room}`));
  expect(rig.tail.bytes).toBeLessThanOrEqual(20_000);
  expect(rig.tail.head("room:1")).toBeUndefined();
  expect(seqs(await read(rig.tail, 15, 10))).toEqual([16, 17, 18, 19, 20]);
  expect(rig.tail.bytes).toBeLessThanOrEqual(20_000);
});

test("LOG-5 a stream counts the same towards the bound, whichever way its events came into memory", async () => {
  rig = await openLog();
  await rig.append(...many(100), ...many(20, "room:2"));
  const cold = () => new Tail(rig.reader, { position: rig.tail.position, maxBytes: 1_000_000 });
  const [atOnce, inTwo] = [cold(), cold()];
  for (const stream of ["room:1", "room:2"]) await atOnce.read([{ stream, after: 0 }], 1);
  // The older part of a stream comes later than its newest events.
  for (const after of [90, 0]) await read(inTwo, after, 1);
  await inTwo.read([{ stream: "room:2", after: 19 }], 1);
  expect([atOnce.bytes, inTwo.bytes]).toEqual([rig.tail.bytes, rig.tail.bytes]);
});

test("LOG-5 what is dropped counts no longer: the oldest events of a long stream, and the text of a message that changed", async () => {
  rig = await openLog();
  for (let i = 0; i < 10; i++) await rig.append(...many(100));
  const full = rig.tail.bytes;
  await rig.append(...many(50));
  expect(rig.tail.bytes).toBe(full);

  const recalled = { stream: "room:2", type: 9, message: 999_999 };
  await rig.append(recalled);
  const before = rig.tail.bytes;
  await rig.append(recalled);
  const bytesOfRecall = rig.tail.bytes - before;
  const [place] = await rig.append({ stream: "room:2", message: "own" });
  const text = rig.tail.peek("room:2", 2, 1)?.[0]?.data as string;
  const shown = rig.tail.bytes;
  await rig.append({ ...recalled, message: place?.pos as number });
  expect(rig.tail.bytes).toBe(shown - text.length + bytesOfRecall);
});

test("LOG-6 nothing beyond the node's position is shown", async () => {
  rig = await openLog({ announcing: false });
  await rig.append(...many(3));
  await rig.announcer.announceUpTo(2);
  await rig.append(...many(2));
  // `reach` reads to the log's end as it was: move back to have events that are committed and not announced.
  const behind = new Tail(rig.reader, { position: 2, maxBytes: 1_000_000 });
  expect(seqs(await read(behind, 0, 10))).toEqual([1, 2]);
  expect((await behind.heads(["room:1"])).get("room:1")).toEqual({ seq: 2, pos: 2 });
});

test("LOG-6 a stream of which nothing has been announced ends where what is kept of it begins, and brings nothing", async () => {
  rig = await openLog();
  await rig.append(...many(2), ...many(5, "room:2"));
  await keepNewest(rig, 3);
  await rig.append(...many(3, "room:3"));
  const behind = new Tail(rig.reader, { position: 2, maxBytes: 1_000_000 });
  const heads = await behind.heads(["room:1", "room:2", "room:3", "room:4"]);
  expect([...heads].map(([stream, { seq }]) => [stream, seq])).toEqual([
    ["room:1", 2],
    ["room:2", 2],
    ["room:3", 0],
    ["room:4", 0],
  ]);
  const found = await behind.read([...heads].map(([stream, { seq }]) => ({ stream, after: seq })).slice(1), 10);
  expect([...found.values()].flat()).toEqual([]);
});

test("LOG-7 a stream is read once, however many readers wait for it, and misses nothing that is announced meanwhile", async () => {
  rig = await openLog();
  await rig.append(...many(10));
  const tail = new Tail(rig.reader, { position: rig.tail.position, maxBytes: 1_000_000 });
  const reads = Promise.all(Array.from({ length: 20 }, () => read(tail, 8, 10)));
  tail.append({
    pos: 11,
    stream: "room:1",
    seq: 11,
    type: 4,
    author: null,
    messageId: null,
    data: "{}",
    storesData: true,
    cacheable: true,
    at: 1,
  });
  for (const events of await reads) expect(seqs(events)).toEqual([9, 10, 11]);
});

test("LOG-7 a stream is asked for once, however many readers wait for it", async () => {
  rig = await openLog();
  await rig.append(...many(10), ...many(10, "room:2"));
  const asked: string[] = [];
  const { reader } = rig;
  const counting = {
    states: (streams: readonly string[]) => reader.states(streams),
    ranges: (...ask: Parameters<typeof reader.ranges>) => {
      asked.push(...ask[0].map(({ stream }) => stream));
      return reader.ranges(...ask);
    },
  };
  const tail = new Tail(counting as never, { position: rig.tail.position, maxBytes: 1_000_000 });
  const both = ["room:1", "room:2"].map((stream) => ({ stream, after: 5 }));
  const found = await Promise.all([tail.read(both, 9), tail.read(both.slice(1), 9), tail.read(both.slice(0, 1), 9)]);
  expect(asked).toEqual(["room:1", "room:2"]);
  for (const events of found.flatMap((streams) => [...streams.values()]))
    expect(seqs(events)).toEqual([6, 7, 8, 9, 10]);
  await tail.read(both, 9);
  expect(asked).toHaveLength(2);
});

test("LOG-8 what stands in the log stays with a reader that holds it, when its stream leaves memory", async () => {
  rig = await openLog({ maxBytes: 2000 });
  await rig.append({ stream: "room:1", data: { kept: 1 } });
  const held = rig.tail.peek("room:1", 0, 1)?.[0];
  await rig.append(...many(20, "room:2"));
  expect(rig.tail.head("room:1")).toBeUndefined();
  expect(held?.data).toBe('{"kept":1}');
});

test("LOG-5 a text that two readers have read is counted once", async () => {
  rig = await openLog({ announcing: false });
  await rig.append({ stream: "room:1", message: "own" });
  await rig.announcer.catchUpWithLog();
  const events = rig.tail.peek("room:1", 0, 1) ?? [];
  const text = { text: "x".repeat(100), author: 7, quotes: [], quotedAuthors: [] };
  const before = rig.tail.bytes;
  for (let readers = 0; readers < 2; readers++) rig.tail.remember(events, () => text);
  expect(rig.tail.bytes).toBe(before + 100);
  expect(rig.tail.peek("room:1", 0, 1)).toMatchObject([{ data: text.text, author: 7 }]);
});

test("LOG-8 a message that changed is forgotten by the tail", async () => {
  rig = await openLog();
  const [place] = await rig.append({ stream: "room:1", message: "own" });
  expect(rig.tail.peek("room:1", 0, 1)?.[0]?.data).toBe('{"id":1}');
  const before = rig.tail.position;
  await rig.append({ stream: "room:1", type: 9, message: place?.pos as number });
  expect(rig.tail.peek("room:1", 0, 1)?.[0]?.data).toBeNull();
  expect(rig.tail.changes.changedSince(1, before)).toBe(true);
  expect(rig.tail.changes.changedSince(1, rig.tail.position)).toBe(false);
});

test("LOG-8 a later event that shows the message is forgotten with it, and what stands in the log is not", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:1", message: "own" });
  await rig.append({ stream: "room:1", type: 110, message: 1, built: true, data: { quotes: "SECRET" } });
  expect(rig.tail.peek("room:1", 1, 1)?.[0]?.data).toContain("SECRET");
  await rig.append({ stream: "room:1", type: 9, message: 1, data: { msgId: 1 } });
  await rig.append({ stream: "room:1", type: 8, message: 1, data: { marks: 1 } });
  expect(rig.tail.peek("room:1", 0, 9)?.map((event) => event.data)).toEqual([null, null, '{"msgId":1}', '{"marks":1}']);
});

test("LOG-8 an event that shows another message too is published with its text, and not remembered with it", async () => {
  const published: string[] = [];
  rig = await openLog({ listener: ({ data }) => published.push(data) });
  await rig.append({ stream: "room:1", message: "own" });
  await rig.append({ stream: "room:1", message: "own", quotes: 1 });
  expect(published).toEqual(['{"id":1}', '{"id":2}']);
  expect(rig.tail.peek("room:1", 0, 9)?.map((event) => event.data)).toEqual(['{"id":1}', null]);
});

test("LOG-8 what is read from the log to be announced is not remembered either: it may quote", async () => {
  rig = await openLog({ announcing: false });
  await rig.append({ stream: "room:1", message: "own" }, { stream: "room:1", data: { kept: 1 } });
  await rig.announcer.catchUpWithLog();
  expect(rig.tail.peek("room:1", 0, 9)?.map((event) => event.data)).toEqual([null, '{"kept":1}']);
});

test("LOG-8 a text that a reader holds goes with its event, when newer ones push that out or when its stream is begun anew", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:1", message: "own" }, { stream: "room:2", message: "own" });
  const held = ["room:1", "room:2"].map((stream) => rig.tail.peek(stream, 0, 1)?.[0]);
  for (let i = 0; i < 10; i++) await rig.append(...many(99 + (i % 2) * 2));
  expect(rig.tail.peek("room:1", 0, 1)).toBeUndefined();
  const last = rig.scratch.events.at(-1) as LoggedEvent;
  // After events that this node has not had.
  rig.tail.append({ ...last, pos: last.pos + 5, stream: "room:2", seq: 6 });
  expect(held.map((event) => event?.data)).toEqual([null, null]);
});

test("LOG-5 a stream that came into memory and left it again while it was read is not taken for whole", async () => {
  rig = await openLog();
  await rig.append(...many(3));
  const [isRead, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { reader } = rig;
  const slow = {
    states: (streams: readonly string[]) => reader.states(streams),
    ranges: async (...asked: Parameters<typeof reader.ranges>) => {
      const events = await reader.ranges(...asked);
      isRead.resolve();
      await goOn.promise;
      return events;
    },
  };
  const tail = new Tail(slow as never, { position: rig.tail.position, maxBytes: 2000 });
  rig.scratch.listen((event) => tail.append(event));
  const reading = read(tail, 0, 10);
  await isRead.promise;
  // One more event of the stream, which another stream's events push out of memory at once.
  await rig.append(...many(1));
  await rig.append(...many(20, "room:2"));
  expect(tail.head("room:1")).toBeUndefined();
  goOn.resolve();
  await reading;
  expect(tail.head("room:1")).toBeUndefined();
  expect(seqs(await read(tail, 0, 10))).toEqual([1, 2, 3, 4]);
});

test("LOG-5 a stream that left memory while older events of it were read is not taken for empty", async () => {
  rig = await openLog();
  await rig.append(...many(100));
  const [isAsked, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isSlow = false;
  const { reader } = rig;
  const slow = {
    states: (streams: readonly string[]) => reader.states(streams),
    ranges: async (...asked: Parameters<typeof reader.ranges>) => {
      const events = await reader.ranges(...asked);
      if (!isSlow) return events;
      isSlow = false;
      isAsked.resolve();
      await goOn.promise;
      return events;
    },
  };
  const tail = new Tail(slow as never, { position: rig.tail.position, maxBytes: 5600 });
  await read(tail, 90, 10);
  isSlow = true;
  const reading = read(tail, 50, 10);
  await isAsked.promise;
  // Another stream needs the room. Nothing is logged meanwhile, so no newer event says that something was evicted.
  await tail.read([{ stream: "room:2", after: 0 }], 1);
  expect(tail.head("room:1")).toBeUndefined();
  goOn.resolve();
  expect(seqs(await reading)).toEqual([51, 52, 53, 54, 55, 56, 57, 58, 59, 60]);
});

test("LOG-5 a stream that leaves memory while the heads of others are looked up has the head that it had", async () => {
  rig = await openLog();
  await rig.append(...many(30, "room:2"));
  await rig.append(...many(3));
  const held = new HeldAnswers();
  const slow = {
    states: (streams: readonly string[]) => held.hold(rig.reader.states(streams)),
    seqsAt: async () => new Map(),
  };
  const tail = new Tail(slow as never, { position: 30, maxBytes: 2000 });
  rig.scratch.listen((event) => tail.append(event));
  for (const event of rig.scratch.events.slice(30)) tail.append(event);
  const heads = tail.heads(["room:1", "room:2"]);
  await rig.append(...many(20, "room:3"));
  expect(tail.head("room:1")).toBeUndefined();
  await held.open();
  expect(await heads).toEqual(
    new Map([
      ["room:1", { seq: 3, pos: 33 }],
      ["room:2", { seq: 30, pos: 30 }],
    ]),
  );
});

test("LOG-5 a stream that leaves memory while its older events are read, and comes back with a newer one, has no gap", async () => {
  rig = await openLog();
  await rig.append(...many(110));
  const held = new HeldAnswers();
  const slow = {
    states: (streams: readonly string[]) => rig.reader.states(streams),
    ranges: (...asked: Parameters<typeof rig.reader.ranges>) => held.hold(rig.reader.ranges(...asked)),
  };
  const tail = new Tail(slow as never, { position: 100, maxBytes: 12_000 });
  for (const event of rig.scratch.events.slice(100)) tail.append(event);
  rig.scratch.listen((event) => tail.append(event));
  const older = read(tail, 50, 5);
  await rig.append(...many(70, "room:2"));
  expect(tail.head("room:1")).toBeUndefined();
  await rig.append(...many(1));
  await held.open();
  expect(seqs(await older)).toEqual([51, 52, 53, 54, 55]);
  for (const after of [61, 99, 109]) expect(seqs(await read(tail, after, 2))?.[0]).toBe(after + 1);
});

test("LOG-6 a node's position never goes back, whatever it is told of events that are gone", async () => {
  rig = await openLog();
  await rig.append(...many(5));
  rig.tail.skipTo(3);
  expect(rig.tail.position).toBe(5);
  rig.tail.skipTo(9);
  expect(rig.tail.position).toBe(9);
});

test("LOG-8 only an event that names an earlier message changes it: a message itself is no change, and one from before stays changed", async () => {
  rig = await openLog();
  const [own, other] = await rig.append({ stream: "room:1", message: "own" }, { stream: "room:1", message: "own" });
  const [first, second] = [own?.pos as number, other?.pos as number];
  expect(rig.tail.changes.changedSince(first, 0)).toBe(false);
  await rig.append({ stream: "room:1", type: 9, message: first });
  expect([first, second].map((id) => rig.tail.changes.changedSince(id, 2))).toEqual([true, false]);
});

test("LOG-5 the stream that was used least recently leaves memory first, and the newest stays however long it is", async () => {
  rig = await openLog({ maxBytes: 4000 });
  for (const stream of ["room:1", "room:2", "room:3"]) await rig.append(...many(5, stream));
  await rig.append(...many(1, "room:1"));
  await rig.append(...many(5, "room:4"));
  expect(["room:1", "room:2", "room:3", "room:4"].map((stream) => rig.tail.head(stream)?.seq)).toEqual([
    6,
    undefined,
    5,
    5,
  ]);
  await rig.append({ stream: "room:5", data: { text: "x".repeat(5000) } });
  expect(rig.tail.head("room:5")?.seq).toBe(1);
  expect(rig.tail.peek("room:5", 0, 1)).toHaveLength(1);
});
