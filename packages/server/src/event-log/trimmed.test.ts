import { afterEach, expect, test } from "bun:test";
import { Push, parseCursor } from "@parley/protocol";
import { keepNewest, type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";
import type { ReadWindow } from "./read-window.ts";

let rig: LogRig;
afterEach(() => rig.close());

const UID = 20_000;
const ME = `user:${UID}`;
const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream }));
const newOutbox = (windows: ReadWindow[]) =>
  new Outbox(
    rig.outboxParts(() => windows),
    UID,
  );

/** Frames as `room:1@5`, and `!room:1@4` for RESYNC trimmed. */
async function readAll(outbox: Outbox, first: string[] = []): Promise<string[]> {
  const frames = [...first];
  // A bound, because an outbox that finds nothing and is not at the end would loop for ever.
  for (let round = 0; round < 5000; round++) {
    const rest = outbox.cutOver();
    if (rest) return [...frames, ...rest].map(named);
    frames.push(...(await outbox.next(7)));
  }
  throw new Error("the outbox does not come to an end");
}

function named(text: string): string {
  const { type, stream, seq, data } = JSON.parse(text);
  if (type !== Push.RESYNC) return `${stream}@${seq}`;
  return data.why === "trimmed" ? `!${data.stream}@${data.seq}` : `${data.why} ${data.stream}@${data.seq}`;
}

async function resume(entries: string, windows: ReadWindow[], max?: number): Promise<string[]> {
  const outbox = newOutbox(windows);
  return readAll(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};${entries}`), max));
}

const seqs = (from: number, to: number, stream = "room:1") =>
  Array.from({ length: to - from + 1 }, (_, i) => `${stream}@${from + i}`);

/** Removed events in memory make no difference: each case is tried with and without them. */
const tails: [string, number][] = [
  ["in memory", 1_000_000],
  ["not in memory", 1],
];

for (const [where, maxBytes] of tails) {
  test(`RET-3 a named stream behind its first event: RESYNC, then everything that is kept (${where})`, async () => {
    rig = await openLog({ maxBytes });
    await rig.append(...many(20), ...many(3, "room:2"));
    await keepNewest(rig, 5);
    const windows = [whole("room:1"), whole("room:2")];
    expect(await resume("room:1@3,room:2@1", windows)).toEqual([
      "!room:1@15",
      ...seqs(16, 20),
      ...seqs(2, 3, "room:2"),
    ]);
    expect(await resume("room:1@14,room:2@3", windows)).toEqual(["!room:1@15", ...seqs(16, 20)]);
    expect(await resume("room:1@15,room:2@3", windows)).toEqual(seqs(16, 20));
    expect(await resume("room:1@17,room:2@3", windows)).toEqual(seqs(18, 20));
    expect(await resume("room:1@0,room:2@0", windows)).toEqual([
      "!room:1@15",
      ...seqs(16, 20),
      ...seqs(1, 3, "room:2"),
    ]);
  });

  test(`RET-3 a floor from before the newest removed event; who has that one is told nothing (${where})`, async () => {
    rig = await openLog({ maxBytes });
    await rig.append(...many(10), ...many(2, "room:2"), ...many(3));
    await keepNewest(rig, 3);
    const windows = [whole("room:1"), whole("room:2")];
    const kept = seqs(11, 13);
    expect(await resume("*@0", windows)).toEqual(["!room:1@10", ...seqs(1, 2, "room:2"), ...kept]);
    expect(await resume("*@9", windows)).toEqual(["!room:1@10", ...seqs(1, 2, "room:2"), ...kept]);
    expect(await resume("*@10", windows)).toEqual([...seqs(1, 2, "room:2"), ...kept]);
    expect(await resume("*@12", windows)).toEqual(kept);
    expect(await resume("*@13", windows)).toEqual(seqs(12, 13));
    expect(await resume("*@9,room:1@12", windows)).toEqual([...seqs(1, 2, "room:2"), ...seqs(13, 13)]);
  });

  test(`RET-3 a stream of which nothing is left (${where})`, async () => {
    rig = await openLog({ maxBytes });
    await rig.append(...many(8), ...many(2, "room:2"));
    await keepNewest(rig, 0);
    const windows = [whole("room:1"), whole("room:2")];
    expect(await resume("*@0", windows)).toEqual(["!room:1@8", "!room:2@2"]);
    expect(await resume("*@9", windows)).toEqual(["!room:2@2"]);
    expect(await resume("*@10", windows)).toEqual([]);
    expect(await resume("room:1@8,room:2@1", windows)).toEqual(["!room:2@2"]);
    await rig.append(...many(1));
    expect(await resume("*@10", windows)).toEqual(["room:1@9"]);
  });

  test(`RET-3 a window that begins or has ended behind what is gone (${where})`, async () => {
    rig = await openLog({ maxBytes });
    await rig.append(...many(20));
    await keepNewest(rig, 5);
    const late = { ...whole("room:1"), joined: { seq: 16, pos: 16 } };
    expect(await resume("*@2", [late])).toEqual(seqs(16, 20));
    const gone = { ...whole("room:1"), left: { seq: 10, pos: 10 } };
    expect(await resume("*@2", [gone])).toEqual(["!room:1@10"]);
    expect(await resume("*@10", [gone])).toEqual([]);
    expect(await resume("*@14", [gone])).toEqual([]);
    expect(await resume("room:1@10", [gone])).toEqual([]);
    expect(await resume("room:1@7", [gone])).toEqual(["!room:1@10"]);
    const later = { ...whole("room:1"), left: { seq: 17, pos: 17 } };
    expect(await resume("*@2", [later])).toEqual(["!room:1@15", ...seqs(16, 17)]);
  });

  test(`RET-3 a join after the cursor, of which the first events are gone (${where})`, async () => {
    rig = await openLog({ maxBytes });
    await rig.append({ stream: ME }, ...many(3), { stream: ME }, ...many(10));
    const joined = { ...whole("room:1"), joined: { seq: 3, pos: 4 } };
    expect(await resume(`${ME}@1`, [whole(ME), joined])).toEqual(["room:1@3", `${ME}@2`, ...seqs(4, 13)]);
    await keepNewest(rig, 5);
    expect(await resume("*@1", [whole(ME), joined])).toEqual(["!room:1@8", `${ME}@2`, ...seqs(9, 13)]);
    expect(await resume(`${ME}@1`, [whole(ME), joined])).toEqual(["!room:1@8", `${ME}@2`, ...seqs(9, 13)]);
    await keepNewest(rig, 1);
    // The event that the cursor names in the user's own stream is gone, but its position is known.
    expect(await resume(`${ME}@1`, [whole(ME), joined])).toEqual(["!room:1@12", `${ME}@2`, ...seqs(13, 13)]);
    expect(await resume(`${ME}@2`, [whole(ME), joined])).toEqual([]);
  });
}

test("RET-3 where a reader stood in their own stream is not known any more: every room counts as joined since", async () => {
  rig = await openLog();
  await rig.append({ stream: ME }, ...many(3), { stream: ME }, ...many(10), { stream: ME });
  await keepNewest(rig, 1);
  const joined = { ...whole("room:1"), joined: { seq: 3, pos: 4 } };
  const seen = await resume(`${ME}@1`, [whole(ME), joined]);
  expect(seen).toEqual([`!${ME}@2`, "!room:1@12", ...seqs(13, 13), `${ME}@3`]);
});

test("RET-3, CUR-2 what is kept of a stream that lies behind the floor stays named until it was read, though its first events are gone", async () => {
  rig = await openLog();
  await rig.append(...many(5), ...many(2, "room:2"));
  await keepNewest(rig, 2);
  const windows = [whole("room:1"), whole("room:2")];
  const outbox = newOutbox(windows);
  const resyncs = await outbox.open(parseCursor(`${rig.scratch.epoch};*@7,room:1@1`));
  expect(resyncs.map(named)).toEqual(["!room:1@3"]);
  // The connection ends here: the client comes back with this cursor.
  expect(outbox.cursor()).toBe(`${rig.scratch.epoch};*@7,room:1@3`);
  expect(await resume("*@7,room:1@3", windows)).toEqual(seqs(4, 5));
});

test("RET-4 trimmed comes before far: one RESYNC, with the seq from which it goes on", async () => {
  rig = await openLog();
  await rig.append(...many(60), ...many(30, "room:2"), ...many(4, "room:3"));
  await keepNewest(rig, 40);
  const windows = [whole("room:1"), whole("room:2"), whole("room:3")];
  expect(await resume("*@0", windows, 20)).toEqual(["!room:1@60", "far room:2@30", ...seqs(1, 4, "room:3")]);
  expect(await resume("room:1@5,room:2@30,room:3@4", windows, 50)).toEqual(["!room:1@20", ...seqs(21, 60)]);
  expect(await resume("room:1@20,room:2@30,room:3@4", windows, 20)).toEqual(["far room:1@60"]);
});

test("RET-4 it is known that events are gone also where more are kept than are told apart", async () => {
  rig = await openLog();
  await rig.append(...many(1500));
  await keepNewest(rig, 1200);
  expect(await resume("*@5", [whole("room:1")])).toEqual(["!room:1@1500"]);
  expect(await resume("*@300", [whole("room:1")])).toEqual(["far room:1@1500"]);
});

test("RET-5 a reader who is catching up meanwhile is told where the gap is, and that cursor brings no second RESYNC", async () => {
  rig = await openLog({ maxBytes: 1 });
  await rig.append(...many(250), ...many(5, "room:2"));
  const windows = [whole("room:1"), whole("room:2")];
  const outbox = newOutbox(windows);
  const seen = await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
  for (let i = 0; i < 10; i++) seen.push(...(await outbox.next(7)));
  await keepNewest(rig, 20);
  while (!seen.some((frame) => named(frame).startsWith("!"))) seen.push(...(await outbox.next(7)));
  const mark = seen.findIndex((frame) => named(frame).startsWith("!"));
  expect(seen.slice(0, mark).map(named)).toEqual(seqs(1, 100));
  const cursor = outbox.cursor().split(";")[1] as string;
  const rest = seen.slice(mark).map(named);
  expect(rest[0]).toBe("!room:1@230");
  const had = rest.length - 1;
  expect(await readAll(outbox)).toEqual([...seqs(231 + had, 250), ...seqs(1, 5, "room:2")]);
  expect(await resume(cursor, windows)).toEqual([...seqs(231 + had, 250), ...seqs(1, 5, "room:2")]);
});

test("RET-5 and where nothing is left, the reader comes to the end", async () => {
  rig = await openLog({ maxBytes: 1 });
  await rig.append(...many(250), ...many(1, "room:2"));
  const outbox = newOutbox([whole("room:1"), whole("room:2")]);
  await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
  for (let i = 0; i < 2; i++) await outbox.next(50);
  await keepNewest(rig, 0);
  expect(await readAll(outbox)).toEqual(["!room:1@250", "!room:2@1"]);
  expect(outbox.cursor()).toBe(`${rig.scratch.epoch};*@251`);
});

test("RET-3 a room that was left, and whose end is gone, is named in no further cursor", async () => {
  rig = await openLog({ maxBytes: 1 });
  await rig.append(...many(20), ...many(2, "room:2"));
  const left = { ...whole("room:1"), left: { seq: 10, pos: 10 } };
  const outbox = newOutbox([left, whole("room:2")]);
  const first = await outbox.open(parseCursor(`${rig.scratch.epoch};room:1@7,room:2@2`));
  await keepNewest(rig, 5);
  expect(await readAll(outbox, first)).toEqual(["!room:1@10"]);
  expect(outbox.cursor()).toBe(`${rig.scratch.epoch};*@22`);
});
