/** Cursors that no client makes by itself, and starts from far back, are exact all the same. */
import { afterEach, expect, test } from "bun:test";
import { parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";
import type { ReadWindow } from "./read-window.ts";

let rig: LogRig;
afterEach(() => rig.close());

const UID = 20_000;
const ME = `user:${UID}`;
const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream }));

function named(text: string): string {
  const { stream, seq, data } = JSON.parse(text);
  return stream ? `${stream}@${seq}` : `${data.why} ${data.stream}@${data.seq}`;
}

/** Reads a few frames at a time; with `hop` each part with a new reader that brings the last one's cursor. */
async function read(
  entries: string,
  windows: ReadWindow[],
  { max, hop = false }: { max?: number; hop?: boolean } = {},
) {
  const open = async (cursor: string): Promise<[Outbox, string[]]> => {
    const outbox = new Outbox(
      rig.outboxParts(() => windows),
      UID,
    );
    return [outbox, await outbox.open(parseCursor(cursor), max)];
  };
  let [outbox, frames] = await open(`${rig.scratch.epoch};${entries}`);
  for (let round = 0; round < 100; round++) {
    const next = await outbox.next(2);
    frames.push(...next);
    if (next.length === 0) return { frames: frames.map(named), cursor: outbox.cursor() };
    if (!hop) continue;
    const [other, told] = await open(outbox.cursor());
    outbox = other;
    frames.push(...told);
  }
  throw new Error("the outbox does not come to an end");
}

for (const maxBytes of [1_000_000, 1]) {
  const where = maxBytes === 1 ? "not in memory" : "in memory";

  test(`CUR-2, CUR-3 what was said before a leaving comes, however much was said after it (${where})`, async () => {
    rig = await openLog({ maxBytes });
    await rig.append(...many(4), ...many(1100));
    const left = [{ ...whole("room:1"), left: { seq: 4, pos: 4 } }];
    expect((await read("*@1", left)).frames).toEqual(["room:1@2", "room:1@3", "room:1@4"]);
    expect((await read("*@1", left, { max: 3 })).frames).toEqual(["room:1@2", "room:1@3", "room:1@4"]);
    expect((await read("*@1", left, { max: 2 })).frames).toEqual(["far room:1@4"]);
  });

  test(`CUR-2 an entry that lies behind the floor is read in pieces without a loss, and is not named for ever (${where})`, async () => {
    rig = await openLog({ maxBytes });
    await rig.append(...many(8), ...many(2, "room:2"));
    const windows = [whole("room:1"), whole("room:2")];
    const expected = [3, 4, 5, 6, 7, 8].map((seq) => `room:1@${seq}`);
    expect(await read("*@10,room:1@2", windows)).toEqual({ frames: expected, cursor: `${rig.scratch.epoch};*@10` });
    expect((await read("*@10,room:1@2", windows, { hop: true })).frames).toEqual(expected);
  });
}

test("CUR-2, CUR-5 an entry ahead of the reader's own stream makes no room new to them", async () => {
  rig = await openLog();
  await rig.append({ stream: ME }, ...many(3));
  const joined = { ...whole("room:1"), joined: { seq: 2, pos: 3 } };
  expect((await read(`${ME}@7`, [whole(ME), joined])).frames).toEqual([`ahead ${ME}@1`]);
  expect((await read(`${ME}@1`, [whole(ME), joined])).frames).toEqual(["room:1@2", "room:1@3"]);
});

test("CUR-5 an entry ahead of a room that the reader has left is no reason to read anything anew, one ahead of another room is", async () => {
  rig = await openLog();
  await rig.append(...many(3), ...many(2, "room:2"));
  const left = { ...whole("room:1"), left: { seq: 3, pos: 3 } };
  const windows = [left, whole("room:2")];
  const cursor = `${rig.scratch.epoch};*@5`;
  expect(await read("*@5,room:1@9,room:2@2", windows)).toEqual({ frames: [], cursor });
  expect((await read("*@5,room:1@9,room:2@9", windows)).frames).toEqual(["ahead room:2@2"]);
});

test("CUR-2 without a floor, a past time in a room that began after the reader's own place comes, and an older one does not", async () => {
  rig = await openLog();
  await rig.append({ stream: ME }, ...many(3), { stream: ME }, ...many(2));
  const past = { ...whole("room:1"), joined: { seq: 1, pos: 2 }, left: { seq: 3, pos: 4 } };
  expect((await read(`${ME}@1`, [whole(ME), past])).frames).toEqual(["room:1@1", "room:1@2", "room:1@3", `${ME}@2`]);
  expect((await read(`${ME}@2`, [whole(ME), past])).frames).toEqual([]);
});

test("CUR-2 a cursor never falls behind its own floor, where one of its streams is behind that", async () => {
  rig = await openLog();
  await rig.append(...many(5), ...many(5, "room:2"), ...many(1));
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1"), whole("room:2")]),
    UID,
  );
  await outbox.open(parseCursor(`${rig.scratch.epoch};*@10,room:1@2`));
  const cursors: string[] = [];
  for (let n = 0; n < 4; n++) {
    await outbox.next(1);
    cursors.push(outbox.cursor());
  }
  expect(cursors.map((cursor) => cursor.split(";")[1])).toEqual([
    "*@10,room:1@3",
    "*@10,room:1@4",
    "*@10,room:1@5",
    "*@11",
  ]);
});
