import { afterEach, expect, test } from "bun:test";
import { ChangeType, Push, parseCursor } from "@parley/protocol";
import { AUTHOR, type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";
import type { ReadWindow } from "./read-window.ts";
import { Tail } from "./tail.ts";

let rig: LogRig;
afterEach(() => rig.close());

interface Seen {
  stream?: string;
  seq?: number;
  type: number;
  data: Record<string, unknown>;
}

const UID = 20_000;
const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream }));
const seqs = (from: number, to: number, stream = "room:1") =>
  Array.from({ length: to - from + 1 }, (_, i) => `${stream}@${from + i}`);
const named = (frames: Seen[]) => frames.map((frame) => `${frame.stream}@${frame.seq}`);

/** Reads to the cut-over. */
async function readAll(outbox: Outbox, first: string[] = []): Promise<Seen[]> {
  const frames = [...first];
  for (;;) {
    const rest = outbox.cutOver();
    if (rest) return [...frames, ...rest].map((frame) => JSON.parse(frame) as Seen);
    frames.push(...(await outbox.next(7)));
  }
}

async function resume(cursor: string, windows: ReadWindow[], max?: number): Promise<Seen[]> {
  const outbox = new Outbox(
    rig.outboxParts(() => windows),
    UID,
  );
  return readAll(outbox, await outbox.open(parseCursor(cursor), max));
}

test("CUR-2 a floor brings everything after it, in the order of position over all streams", async () => {
  rig = await openLog();
  await rig.append(
    { stream: "room:1" },
    { stream: "room:2" },
    { stream: "room:1" },
    { stream: "room:3" },
    { stream: "room:2" },
  );
  const seen = await resume(`${rig.scratch.epoch};*@1`, [whole("room:1"), whole("room:2")]);
  expect(named(seen)).toEqual(["room:2@1", "room:1@2", "room:2@2"]);
});

for (const rooms of [
  ["room:1", "room:2"],
  ["room:2", "room:1"],
]) {
  test(`CUR-2 the order of position holds where several streams have more than one round reads (${rooms})`, async () => {
    rig = await openLog();
    await rig.append(...many(150), ...many(150, "room:2"), ...many(150));
    const windows = rooms.map(whole);
    const expected = [...seqs(1, 150), ...seqs(1, 150, "room:2"), ...seqs(151, 300)];
    expect(named(await resume(`${rig.scratch.epoch};*@0`, windows))).toEqual(expected);
  });
}

test("CUR-2 a named stream counts by its seq, the others by the floor", async () => {
  rig = await openLog();
  await rig.append(...many(4), ...many(2, "room:2"));
  const seen = await resume(`${rig.scratch.epoch};*@2,room:1@3`, [whole("room:1"), whole("room:2")]);
  expect(named(seen)).toEqual(["room:1@4", "room:2@1", "room:2@2"]);
});

test("CUR-2 a stream that is neither named nor covered starts at its head, or at the join that the reader has not seen", async () => {
  rig = await openLog();
  await rig.append(...many(2), ...many(2, "room:2"), { stream: `user:${UID}` }, ...many(2, "room:2"), {
    stream: `user:${UID}`,
  });
  const joined = { ...whole("room:2"), joined: { seq: 3, pos: 6 } };
  const windows = [whole(`user:${UID}`), whole("room:1"), joined];
  expect(named(await resume(`${rig.scratch.epoch};user:${UID}@1`, windows))).toEqual([
    "room:2@3",
    "room:2@4",
    `user:${UID}@2`,
  ]);
  expect(named(await resume(`${rig.scratch.epoch};user:${UID}@2`, windows))).toEqual([]);
  expect(named(await resume(`${rig.scratch.epoch};`, windows))).toEqual([]);
});

test("CUR-3 windows hold: nothing before the join, nothing after leaving", async () => {
  rig = await openLog();
  await rig.append(...many(10));
  const window = { ...whole("room:1"), joined: { seq: 4, pos: 4 }, left: { seq: 7, pos: 7 } };
  expect(named(await resume(`${rig.scratch.epoch};*@0`, [window]))).toEqual([
    "room:1@4",
    "room:1@5",
    "room:1@6",
    "room:1@7",
  ]);
  expect(named(await resume(`${rig.scratch.epoch};room:1@0`, [window]))).toEqual([
    "room:1@4",
    "room:1@5",
    "room:1@6",
    "room:1@7",
  ]);
  expect(named(await resume(`${rig.scratch.epoch};room:1@9`, [window]))).toEqual([]);
});

test("CUR-4 foreign streams are ignored and dropped from the cursor", async () => {
  rig = await openLog();
  await rig.append(...many(3), ...many(3, "room:9"));
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1")]),
    UID,
  );
  const seen = await readAll(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};room:1@1,room:9@1,user:1@5`)));
  expect(named(seen)).toEqual(["room:1@2", "room:1@3"]);
  expect(outbox.cursor()).toBe(`${rig.scratch.epoch};*@6`);
});

test("CUR-5 RESYNC: another epoch, ahead of the log, ahead in a stream", async () => {
  rig = await openLog();
  await rig.append(...many(3));
  const now = `${rig.scratch.epoch};*@3`;
  expect(await resume("00000000deadbeef;*@1", [whole("room:1")])).toEqual([
    { type: Push.RESYNC, data: { stream: "*", cursor: now, why: "epoch" } },
  ]);
  expect(await resume(`${rig.scratch.epoch};*@4`, [whole("room:1")])).toEqual([
    { type: Push.RESYNC, data: { stream: "*", cursor: now, why: "ahead" } },
  ]);
  expect(await resume(`${rig.scratch.epoch};*@3,room:1@5`, [whole("room:1")])).toEqual([
    { type: Push.RESYNC, data: { stream: "room:1", seq: 3, why: "ahead" } },
  ]);
});

test("CUR-5 ahead of this node is not ahead of the log: it looks there first", async () => {
  rig = await openLog({ announcing: false });
  await rig.append(...many(3));
  expect(rig.tail.position).toBe(0);
  expect(await resume(`${rig.scratch.epoch};*@3`, [whole("room:1")])).toEqual([]);
  await rig.append(...many(2));
  expect(named(await resume(`${rig.scratch.epoch};*@0,room:1@4`, [whole("room:1")]))).toEqual(["room:1@5"]);
});

test("CUR-6 too far behind: RESYNC far, the furthest first, unless more is asked for", async () => {
  rig = await openLog();
  await rig.append(...many(1001), ...many(5, "room:2"));
  const windows = [whole("room:1"), whole("room:2")];
  const seen = await resume(`${rig.scratch.epoch};*@0`, windows);
  expect(seen[0]).toEqual({ type: Push.RESYNC, data: { stream: "room:1", seq: 1001, why: "far" } });
  expect(named(seen.slice(1))).toEqual([1, 2, 3, 4, 5].map((seq) => `room:2@${seq}`));
  expect(await resume(`${rig.scratch.epoch};*@0`, windows, 2000)).toHaveLength(1006);
  const exactly = await resume(`${rig.scratch.epoch};room:1@1,room:2@5`, windows);
  expect(exactly).toHaveLength(1000);
});

test("CUR-6 so it is where no stream is too far behind, but all of them together are", async () => {
  rig = await openLog();
  await rig.append(...many(5, "room:1"), ...many(6, "room:2"));
  const windows = [whole("room:1"), whole("room:2")];
  const seen = await resume(`${rig.scratch.epoch};*@0`, windows, 10);
  expect(seen[0]).toEqual({ type: Push.RESYNC, data: { stream: "room:2", seq: 6, why: "far" } });
  expect(named(seen.slice(1))).toEqual(seqs(1, 5));
  expect(await resume(`${rig.scratch.epoch};*@0`, windows, 11)).toHaveLength(11);
});

test("CUR-7 joins and leaves take effect where they stand", async () => {
  rig = await openLog();
  const change = (changeType: number, seq?: number) => ({ roomId: 5, uid: UID, changeType, ...(seq ? { seq } : {}) });
  const user = `user:${UID}`;
  await rig.append(...many(2, "room:5"));
  await rig.append(
    { stream: "room:5", type: Push.MEMBER_CHANGE, data: change(ChangeType.joined) },
    { stream: user, type: Push.MEMBER_CHANGE, data: change(ChangeType.joined, 3) },
    ...many(2, "room:5"),
    { stream: "room:5", type: Push.MEMBER_CHANGE, data: change(ChangeType.left) },
    { stream: user, type: Push.MEMBER_CHANGE, data: change(ChangeType.left, 6) },
    ...many(3, "room:5"),
  );
  // The reader's windows are those of their cursor: the log brings them the join.
  const outbox = new Outbox(
    rig.outboxParts(() => [whole(user)]),
    UID,
  );
  const seen = await readAll(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};*@2`)));
  expect(named(seen)).toEqual([`${user}@1`, "room:5@3", "room:5@4", "room:5@5", "room:5@6", `${user}@2`]);
  expect([...outbox.streams()]).toEqual([user]);
});

test("CUR-8 a message that changes while it is read is read again, never sent as it was", async () => {
  rig = await openLog({ maxBytes: 300 });
  await rig.append({ stream: "room:1", message: "own" });
  await rig.append(...many(3, "room:2"));
  rig.messages.set(1, '{"text":"old"}');
  const parts = rig.outboxParts(() => [whole("room:1")]);
  let reads = 0;
  const outbox = new Outbox(
    {
      ...parts,
      eventDataOf: async (events) => {
        const texts = await parts.eventDataOf(events);
        if (reads++ === 0) {
          rig.messages.set(1, '{"text":"recalled"}');
          await rig.append({ stream: "room:1", type: Push.RECALL, message: 1 });
        }
        return texts;
      },
    },
    UID,
  );
  const seen = await readAll(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`)));
  expect(seen.map((frame) => [frame.type, frame.data])).toEqual([
    [4, { text: "recalled" }],
    [Push.RECALL, {}],
  ]);
  expect(reads).toBe(2);
});

test("CUR-3 a leave that is committed and not announced yet is announced before its reader starts", async () => {
  rig = await openLog({ announcing: false });
  await rig.append(...many(2));
  await rig.announcer.catchUpWithLog();
  await rig.append(...many(2));
  const leaving = { ...whole("room:1"), joined: { seq: 1, pos: 1 }, left: { seq: 4, pos: 4 } };
  const outbox = new Outbox(
    rig.outboxParts(() => [leaving]),
    UID,
  );
  const first = await outbox.open(parseCursor(`${rig.scratch.epoch};*@1`));
  expect(rig.tail.position).toBe(4);
  expect(named(await readAll(outbox, first))).toEqual([2, 3, 4].map((seq) => `room:1@${seq}`));
  expect([...outbox.streams()]).toEqual([]);
});

test("CUR-8 a text that is forgotten while another one is read is read too, not passed over", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:1", message: "own" }, { stream: "room:1", message: "own" }, { stream: "room:1" });
  await rig.append({ stream: "room:1", type: Push.MARK, message: 1 });
  const parts = rig.outboxParts(() => [whole("room:1")]);
  let reads = 0;
  const eventDataOf: typeof parts.eventDataOf = async (events) => {
    const texts = await parts.eventDataOf(events);
    if (reads++ === 0) await rig.append({ stream: "room:1", type: Push.MARK, message: 2 });
    return texts;
  };
  const outbox = new Outbox({ ...parts, eventDataOf }, UID);
  const seen = await readAll(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`)));
  expect(named(seen)).toEqual([1, 2, 3, 4, 5].map((seq) => `room:1@${seq}`));
});

test("CUR-2 in the middle of a backfill a cursor names no more streams than the one the reader came with", async () => {
  rig = await openLog();
  const rooms = Array.from({ length: 300 }, (_, i) => `room:${i + 1}`);
  await rig.append(...rooms.flatMap((stream) => many(2, stream)));
  const outbox = new Outbox(
    rig.outboxParts(() => rooms.map(whole)),
    UID,
  );
  await outbox.open(parseCursor(`${rig.scratch.epoch};*@1,room:300@1`));
  await outbox.next(10);
  expect(outbox.cursor()).toBe(`${rig.scratch.epoch};*@11,room:300@1`);
});

test("CUR-8 a message that quotes one which is recalled while it is read is read again", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:1", message: "own" }, { stream: "room:1", message: "own", quotes: 1 });
  rig.messages.set(2, '{"quotes":1,"text":"SECRET"}');
  const parts = rig.outboxParts(() => [whole("room:1")]);
  let reads = 0;
  const eventDataOf: typeof parts.eventDataOf = async (events) => {
    const texts = await parts.eventDataOf(events);
    if (reads++ === 0) {
      rig.messages.set(2, '{"quotes":1,"text":"recalled"}');
      await rig.append({ stream: "room:1", type: Push.RECALL, message: 1 });
    }
    return texts;
  };
  const outbox = new Outbox({ ...parts, eventDataOf }, UID);
  const seen = await readAll(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};*@1`)));
  expect(seen.map(({ data }) => data)).toEqual([{ quotes: 1, text: "recalled" }, {}]);
});

test("CUR-8 a change elsewhere has nothing read again, and a change of one message has only that one read again", async () => {
  rig = await openLog();
  await rig.append(...Array.from({ length: 4 }, () => ({ stream: "room:1", message: "own" as const, quotes: 99 })));
  await rig.append({ stream: "room:2", message: "own" });
  const parts = rig.outboxParts(() => [whole("room:1")]);
  const read: number[][] = [];
  const changed = [5, 3];
  const eventDataOf: typeof parts.eventDataOf = async (events) => {
    read.push(events.map(({ messageId }) => messageId));
    const texts = await parts.eventDataOf(events);
    const message = changed.shift();
    if (message) await rig.append({ stream: "room:2", type: Push.RECALL, message });
    return texts;
  };
  const outbox = new Outbox({ ...parts, eventDataOf }, UID);
  await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
  expect(await outbox.next(2)).toHaveLength(2);
  expect(await outbox.next(2)).toHaveLength(2);
  expect(read).toEqual([[1, 2], [3, 4], [3]]);
});

/** Readers of room 1 after a restart, when its events are in the log and no text is in memory; counts what they read. */
async function afterRestart(maxBytes = 1_000_000) {
  const tail = new Tail(rig.reader, { position: rig.tail.position, maxBytes });
  const read: number[] = [];
  const parts = rig.outboxParts(() => [whole("room:1")]);
  const eventDataOf: typeof parts.eventDataOf = (events) => {
    read.push(...events.map(({ messageId }) => messageId));
    return parts.eventDataOf(events);
  };
  const open = async () => {
    const outbox = new Outbox({ ...parts, tail, eventDataOf }, UID);
    await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
    return outbox;
  };
  return { tail, read, open };
}

test("LOG-8 a text that one reader needed is there for the next one, but not where it quotes, and not after a recall", async () => {
  let announced: Tail | undefined;
  rig = await openLog({ listener: (event) => announced?.append(event) });
  await rig.append({ stream: "room:1", message: "own" }, { stream: "room:1", message: "own", quotes: 1 });
  rig.messages.set(1, '{"text":"SECRET"}');
  rig.messages.set(2, '{"quotes":1,"text":"SECRET"}');
  const { tail, read, open } = await afterRestart();
  announced = tail;
  const before = tail.bytes;
  expect(await readAll(await open())).toHaveLength(2);
  expect(await readAll(await open())).toHaveLength(2);
  expect(read).toEqual([1, 2, 2]);
  expect(tail.bytes).toBeGreaterThan(before);
  expect(tail.peek("room:1", 0, 9)?.map(({ data }) => data)).toEqual(['{"text":"SECRET"}', null]);
  rig.messages.set(1, '{"text":"recalled"}');
  rig.messages.set(2, '{"quotes":1,"text":"recalled"}');
  await rig.append({ stream: "room:1", type: Push.RECALL, message: 1 });
  expect((await readAll(await open())).map(({ data }) => data)).toEqual([
    { text: "recalled" },
    { quotes: 1, text: "recalled" },
    {},
  ]);
});

test("LOG-8 what is in memory of a message knows who wrote it, whether it was sent here or read", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:1", message: "own", author: 20_003 }, { stream: "room:1" });
  const authors = (tail: Tail) => tail.peek("room:1", 0, 9)?.map((event) => "author" in event && event.author);
  expect(authors(rig.tail)).toEqual([20_003, null]);
  const { tail, open } = await afterRestart();
  await readAll(await open());
  expect(authors(tail)).toEqual([AUTHOR, null]);
});

test("CUR-8 a text that a reader holds is read again when it left memory before its recall", async () => {
  let announced: Tail | undefined;
  rig = await openLog({ listener: (event) => announced?.append(event) });
  await rig.append({ stream: "room:1", message: "own" }, { stream: "room:1", message: "own" });
  rig.messages.set(2, '{"text":"SECRET"}');
  const { tail, open } = await afterRestart(2000);
  announced = tail;
  await readAll(await open());
  const outbox = await open();
  expect(await outbox.next(1)).toHaveLength(1);
  await rig.append(...many(20, "room:2"));
  expect(tail.head("room:1")).toBeUndefined();
  rig.messages.set(2, '{"text":"recalled"}');
  await rig.append({ stream: "room:1", type: Push.RECALL, message: 2 });
  expect((await readAll(outbox)).map(({ data }) => data)).toEqual([{ text: "recalled" }, {}]);
});

test("CUR-7 other people's coming and going changes nothing for a reader, also an anonymous one", async () => {
  rig = await openLog();
  const of = (uid: number, changeType: number) => ({ roomId: 1, uid, changeType });
  await rig.append(
    { stream: "room:1", type: Push.MEMBER_CHANGE, data: of(UID + 1, ChangeType.joined) },
    { stream: "room:1" },
    { stream: "room:1", type: Push.MEMBER_CHANGE, data: of(UID + 1, ChangeType.left) },
    { stream: "room:1" },
  );
  for (const uid of [UID, undefined]) {
    const outbox = new Outbox(
      rig.outboxParts(() => [whole("room:1")]),
      uid,
    );
    const seen = await readAll(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`)));
    expect(named(seen)).toEqual(seqs(1, 4));
    expect([...outbox.streams()]).toEqual(["room:1"]);
  }
});
