import { afterEach, expect, test } from "bun:test";
import { ChangeType, Push, parseCursor } from "@parley/protocol";
import { gapAfter, gapOf, readableBetween } from "./gaps.ts";
import { keepNewest, type LogRig, openLog, type TestEvent, whole } from "./log.fixture.ts";
import { Outbox } from "./outbox.ts";
import type { ReadWindow } from "./subscriptions.ts";

let rig: LogRig;
afterEach(() => rig?.close());

const UID = 20_000;
const ME = `user:${UID}`;
const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream }));
const seqs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `room:1@${from + i}`);
const change = (changeType: number, seq: number): TestEvent[] => [
  { stream: "room:1", type: Push.MEMBER_CHANGE, data: { roomId: 1, uid: UID, changeType } },
  { stream: ME, type: Push.MEMBER_CHANGE, data: { roomId: 1, uid: UID, changeType, seq } },
];

/**
 * Seqs 1 (position 1) to 3 inside, 4 (position 4) the leaving, then `out` events, the coming back, and 2 events inside. In the
 * reader's own stream: the leaving and the coming back.
 */
function story(out: number): { events: TestEvent[]; back: number; window: ReadWindow } {
  const back = 5 + out;
  const events = [
    ...many(3),
    ...change(ChangeType.left, 4),
    ...many(out),
    ...change(ChangeType.joined, back),
    ...many(2),
  ];
  // Positions: 5 is the copy of the leaving.
  const window = {
    ...{ stream: "room:1", fromSeq: 1, leftSeq: null, joinedSeq: 1, joinedPos: 1 },
    ...{ lastJoined: { seq: back, pos: back + 1 }, gaps: [[5, back - 1] as const] },
  };
  return { events, back, window };
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

const outboxOf = (windows: ReadWindow[]) =>
  new Outbox(
    rig.outboxParts(() => windows),
    UID,
  );

async function resume(entries: string, windows: ReadWindow[], max?: number): Promise<string[]> {
  const outbox = outboxOf(windows);
  return read(outbox, await outbox.open(parseCursor(`${rig.scratch.epoch};${entries}`), max));
}

test("gaps: which one holds a seq, who stands in one, how much lies outside", () => {
  const gaps = [
    [5, 9],
    [20, 20],
  ] as const;
  expect([4, 5, 9, 10, 20].map((seq) => gapOf(gaps, seq)?.[0])).toEqual([undefined, 5, 5, undefined, 20]);
  expect([3, 4, 9, 10, 19].map((have) => gapAfter(gaps, have)?.[0])).toEqual([undefined, 5, 5, undefined, 20]);
  expect(readableBetween(gaps, 0, 25)).toBe(19);
  expect(readableBetween(gaps, 6, 20)).toBe(10);
  expect(readableBetween(gaps, 6, 8)).toBe(0);
  expect(readableBetween(gaps, 30, 8)).toBe(0);
});

for (const maxBytes of [1_000_000, 1]) {
  const where = maxBytes === 1 ? "not in memory" : "in memory";
  for (const out of [3, 2500]) {
    test(`CUR-11 what one missed before leaving, not what was said while out (${out} events, ${where})`, async () => {
      rig = await openLog({ maxBytes });
      const { events, back, window } = story(out);
      await rig.append(...events);
      const windows = [window, whole(ME)];
      const again = [`room:1@${back}`, `${ME}@2`, `room:1@${back + 1}`, `room:1@${back + 2}`];
      expect(await resume("*@1", windows)).toEqual([...seqs(2, 4), `${ME}@1`, ...again]);
      expect(await resume(`*@1,room:1@3,${ME}@1`, windows)).toEqual(["room:1@4", ...again]);
      // A cursor that lies in the gap, by its floor or by name.
      expect(await resume("*@5", windows)).toEqual(again);
      expect(await resume("*@7", windows)).toEqual(again);
      expect(await resume(`*@7,room:1@6,${ME}@1`, windows)).toEqual(again);
      // Back already.
      expect(await resume(`*@${back + 1}`, windows)).toEqual(again.slice(1));
      // What one may not read is not what one is behind by.
      expect((await resume("*@1", windows, 5)).filter((frame) => frame.startsWith("far"))).toEqual([
        `far room:1@${back + 2}`,
      ]);
      expect((await resume("*@1", windows, 8)).filter((frame) => frame.startsWith("far"))).toEqual([]);
    });
  }

  test(`CUR-11, RET-3 what was removed of a gap is nobody's loss; what was removed before it is told (${where})`, async () => {
    rig = await openLog({ maxBytes });
    const { events, back, window } = story(20);
    await rig.append(...events);
    await keepNewest(rig, 10);
    const rest = [`room:1@${back}`, `room:1@${back + 1}`, `room:1@${back + 2}`];
    const ofRoom = (frames: string[]) => frames.filter((frame) => !frame.startsWith(ME));
    expect(ofRoom(await resume("room:1@4", [window]))).toEqual(rest);
    expect(ofRoom(await resume("room:1@8", [window]))).toEqual(rest);
    expect(ofRoom(await resume("room:1@2", [window]))).toEqual([`trimmed room:1@${back - 8}`, ...rest]);
    expect(ofRoom(await resume("*@2", [window]))).toEqual([`trimmed room:1@${back - 8}`, ...rest]);
    expect(ofRoom(await resume(`*@${back - 2}`, [window]))).toEqual(rest);
  });
}

test("CUR-11 who comes back with an event that is not announced yet hears nothing of what comes before it", async () => {
  rig = await openLog({ announcing: false });
  const { events, back, window } = story(4);
  await rig.append(...events.slice(0, 7));
  await rig.announcer.follow();
  await rig.append(...events.slice(7));
  const outbox = outboxOf([window, whole(ME)]);
  const first = await outbox.open(parseCursor(`${rig.scratch.epoch};*@1`));
  expect(await read(outbox, first)).toEqual([...seqs(2, 4), `${ME}@1`]);
  expect([...outbox.streams()]).toEqual([ME]);
  // Whoever reads by polls goes on with the same outbox.
  const cursor = outbox.cursor();
  await rig.announcer.follow();
  const rest = [`room:1@${back}`, `${ME}@2`, `room:1@${back + 1}`, `room:1@${back + 2}`];
  expect(await read(outbox)).toEqual(rest);
  expect([...outbox.streams()].sort()).toEqual(["room:1", ME]);
  expect(await resume(cursor.split(";")[1] as string, [window, whole(ME)])).toEqual(rest);
});
