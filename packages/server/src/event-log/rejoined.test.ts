import { afterEach, expect, test } from "bun:test";
import { ChangeType, LIMITS, Push, parseCursor } from "@parley/protocol";
import { keepNewest, type LogRig, openLog, type TestEvent, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";
import type { ReadWindow } from "./read-window.ts";

let rig: LogRig;
afterEach(() => rig?.close());

const UID = 20_000;
const ME = `user:${UID}`;
const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream }));
const change = (changeType: number, seq: number): TestEvent[] => [
  { stream: "room:1", type: Push.MEMBER_CHANGE, data: { roomId: 1, uid: UID, changeType } },
  { stream: ME, type: Push.MEMBER_CHANGE, data: { roomId: 1, uid: UID, changeType, seq } },
];

/**
 * In room 1: 1 the joining (position 1), 2 and 3 inside (3, 4), 4 the leaving (5), `out` events outside (7 …), the return `back`, and two
 * events inside. The copies of the three changes are 1, 2 and 3 of the reader's own stream, at positions 2, 6 and `back` + 3.
 */
function story(out: number): { events: TestEvent[]; back: number; windows: ReadWindow[] } {
  const back = 5 + out;
  const events = [
    ...change(ChangeType.joined, 1),
    ...many(2),
    ...change(ChangeType.left, 4),
    ...many(out),
    ...change(ChangeType.joined, back),
    ...many(2),
  ];
  const window = { ...whole("room:1"), joined: { seq: back, pos: back + 2 }, leftBefore: { seq: 4, pos: 5 } };
  return { events, back, windows: [window, whole(ME)] };
}

async function read(outbox: Outbox, first: string[] = []): Promise<string[]> {
  const frames = [...first];
  for (let round = 0; round < 1000; round++) {
    const rest = outbox.cutOver();
    if (rest) return [...frames, ...rest].map(named);
    frames.push(...(await outbox.next(7)));
  }
  throw new Error("the outbox does not come to an end");
}

function named(text: string): string {
  const { type, stream, seq, data } = JSON.parse(text);
  return type === Push.RESYNC ? `${data.why} ${data.stream}@${data.seq}` : `${stream}@${seq}`;
}

async function open(entries: string, windows: ReadWindow[], max?: number): Promise<[Outbox, string[]]> {
  const outbox = new Outbox(
    rig.outboxParts(() => windows),
    UID,
  );
  return [outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};${entries}`), max)];
}

async function resume(entries: string, windows: ReadWindow[], max?: number): Promise<string[]> {
  return read(...(await open(entries, windows, max)));
}

for (const maxBytes of [1_000_000, 1]) {
  const where = maxBytes === 1 ? "not in memory" : "in memory";
  for (const out of [0, 3, 2500]) {
    test(`CUR-11 a return whose leaving the reader has not seen is RESYNC rejoined, and goes on from the return (${out} events, ${where})`, async () => {
      rig = await openLog({ maxBytes });
      const { events, back, windows } = story(out);
      await rig.append(...events);
      const again = [`room:1@${back}`, `${ME}@3`, `room:1@${back + 1}`, `room:1@${back + 2}`];
      const told = `rejoined room:1@${back - 1}`;
      // By the floor, up to the position before the leaving; then by name, up to the seq before it.
      expect(await resume("*@0", windows)).toEqual([told, `${ME}@1`, `${ME}@2`, ...again]);
      expect(await resume("*@4", windows)).toEqual([told, `${ME}@2`, ...again]);
      expect(await resume(`*@1,room:1@3,${ME}@1`, windows)).toEqual([told, `${ME}@2`, ...again]);
      expect(await resume(`room:1@3,${ME}@2`, windows)).toEqual([told, ...again]);
      // They have seen the leaving: by the floor, by name, and while they were out.
      expect(await resume("*@5", windows)).toEqual([`${ME}@2`, ...again]);
      expect(await resume(`*@1,room:1@4,${ME}@2`, windows)).toEqual(again);
      if (out > 1) expect(await resume(`*@7,room:1@6,${ME}@2`, windows)).toEqual(again);
      // They have seen the return.
      expect(await resume(`*@${back + 2}`, windows)).toEqual(again.slice(1));
      expect(await resume(`*@5,room:1@${back},${ME}@3`, windows)).toEqual(again.slice(2));
      // Without a floor and without a name there is nothing that they could have missed.
      expect(await resume(`${ME}@1`, windows)).toEqual([`${ME}@2`, ...again]);
    });
  }

  test(`CUR-11, RET-4 a stream is named once, with the largest seq and the first reason (${where})`, async () => {
    rig = await openLog({ maxBytes });
    const { events, back, windows } = story(5);
    await rig.append(...events, ...many(20));
    const head = back + 22;
    expect((await open("*@0", windows, 10))[1].map(named)).toEqual([`rejoined room:1@${head}`]);
    expect((await open(`room:1@${back},${ME}@3`, windows, 10))[1].map(named)).toEqual([`far room:1@${head}`]);
    await keepNewest(rig, 6);
    expect((await open("*@0", windows))[1].map(named)).toEqual([`rejoined room:1@${head - 6}`]);
    expect((await open("*@5", windows))[1].map(named)).toEqual([`trimmed room:1@${head - 6}`]);
    // What was removed of the time outside is nobody's loss.
    await rig.append(...many(1));
  });

  test(`CUR-11, RET-3 what was removed of the time before the return is not told (${where})`, async () => {
    rig = await openLog({ maxBytes });
    const { events, back, windows } = story(20);
    await rig.append(...events);
    await keepNewest(rig, 10);
    const rest = [`room:1@${back}`, `room:1@${back + 1}`, `room:1@${back + 2}`];
    const ofRoom = (frames: string[]) => frames.filter((frame) => !frame.startsWith(ME));
    expect(ofRoom(await resume(`room:1@4,${ME}@3`, windows))).toEqual(rest);
    expect(ofRoom(await resume("*@5", windows))).toEqual(rest);
    expect(ofRoom(await resume("*@2", windows))).toEqual([`rejoined room:1@${back - 1}`, ...rest]);
  });
}

test("CUR-11 the cursor behind a RESYNC rejoined brings no second one", async () => {
  rig = await openLog();
  const { events, back, windows } = story(4);
  await rig.append(...events);
  for (const entries of ["*@0", `*@${back + 4},room:1@2`]) {
    const [outbox, first] = await open(entries, windows);
    expect(first.map(named)).toEqual([`rejoined room:1@${back - 1}`]);
    const next = outbox.cursor().split(";")[1] as string;
    const rest = await resume(next, windows);
    expect(rest.filter((frame) => frame.startsWith("room:1"))).toEqual([
      `room:1@${back}`,
      `room:1@${back + 1}`,
      `room:1@${back + 2}`,
    ]);
    expect(rest.some((frame) => frame.startsWith("rejoined"))).toBe(false);
  }
});

test("CUR-11 a reader who has left again reads from the return to that leaving", async () => {
  rig = await openLog();
  const { events, back, windows } = story(4);
  await rig.append(...events, ...change(ChangeType.left, back + 3), ...many(3));
  const left = { seq: back + 3, pos: back + 6 };
  const ended = [{ ...(windows[0] as ReadWindow), left }, whole(ME)];
  const rest = [
    `room:1@${back}`,
    `${ME}@3`,
    `room:1@${back + 1}`,
    `room:1@${back + 2}`,
    `room:1@${left.seq}`,
    `${ME}@4`,
  ];
  expect(await resume("*@4", ended)).toEqual([`rejoined room:1@${back - 1}`, `${ME}@2`, ...rest]);
  expect(await resume("*@6", ended)).toEqual(rest);
  expect(await resume(`*@${left.pos}`, ended)).toEqual([`${ME}@4`]);
});

test("CUR-6, CUR-11 of more than a hundred returns one RESYNC for everything says `rejoined`", async () => {
  rig = await openLog();
  const rooms = Array.from({ length: LIMITS.resyncStreams + 1 }, (_, i) => `room:${i + 1}`);
  await rig.append(...rooms.map((stream) => ({ stream })), ...rooms.map((stream) => ({ stream })));
  const windows = rooms.map((stream, i) => ({
    ...whole(stream),
    leftBefore: { seq: 1, pos: i + 1 },
    joined: { seq: 2, pos: rooms.length + i + 1 },
  }));
  const [outbox, first] = await open("*@0", windows);
  const cursor = `${rig.scratch.epoch};*@${2 * rooms.length}`;
  expect(first.map((frame) => JSON.parse(frame).data)).toEqual([{ stream: "*", cursor, why: "rejoined" }]);
  expect(outbox.cursor()).toBe(cursor);
  const [, fewer] = await open(`*@1`, windows);
  expect(fewer.map(named).sort()).toEqual(
    rooms
      .slice(1)
      .map((stream) => `rejoined ${stream}@1`)
      .sort(),
  );
});
