/** What BLACK and UNBLACK do to texts that are in memory, or are being read: bans are joined only when messages are read. */
import { afterEach, expect, test } from "bun:test";
import { ALL_STREAM, Push, parseCursor } from "@parley/protocol";
import { AUTHOR, type LogRig, openLog, QUOTED_AUTHOR, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";

let rig: LogRig;
afterEach(() => rig.close());

const told = (type: number, uid: number) => ({ stream: ALL_STREAM, type, data: { uid } });
const datas = (stream: string) => rig.tail.peek(stream, 0, 9)?.map(({ data }) => data);

test.each([
  ["BLACK", Push.BLACK],
  ["UNBLACK", Push.UNBLACK],
])("BAN-3: %s has the tail forget the texts of its person, in all streams, and no other text", async (_, type) => {
  rig = await openLog();
  await rig.append(
    { stream: "room:1", message: "own", author: 7 },
    { stream: "room:1", message: "own", author: 8 },
    { stream: "room:2", message: "own", author: 7 },
    { stream: "room:2", data: { stays: 1 }, author: 7 },
  );
  const before = rig.tail.bytes;
  await rig.append(told(type, 7));
  expect([datas("room:1"), datas("room:2")]).toEqual([
    [null, '{"id":2}'],
    [null, '{"stays":1}'],
  ]);
  // A new stream with one event, and two texts less.
  expect(rig.tail.bytes - before).toBe(240 + 160 + '{"uid":7}'.length - 2 * '{"id":1}'.length);
  expect(rig.tail.hiding.changedSince(7, 4)).toBe(true);
  expect(rig.tail.hiding.changedSince(8, 4)).toBe(false);
  const [place] = await rig.append(told(type, 7));
  expect(rig.tail.hiding.changedSince(7, place?.pos as number)).toBe(false);
});

/** Reads room 1, and does something between the reading of a text and its sending, once. */
async function readMeanwhile(meanwhile: () => Promise<unknown>): Promise<{ seen: unknown[]; reads: number[][] }> {
  const parts = rig.outboxParts(() => [whole("room:1")]);
  const reads: number[][] = [];
  const eventDataOf: typeof parts.eventDataOf = async (events) => {
    const found = await parts.eventDataOf(events);
    if (reads.push(events.map(({ messageId }) => messageId)) === 1) await meanwhile();
    return found;
  };
  const outbox = new Outbox({ ...parts, eventDataOf }, 20_000);
  const first = await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
  const frames = [...first, ...(await outbox.next(9))];
  return { seen: frames.map((frame) => JSON.parse(frame).data), reads };
}

test("BAN-3: a text whose author is banned while it is read is read again, never sent as it was", async () => {
  rig = await openLog({ maxBytes: 300 });
  await rig.append({ stream: "room:1", message: "own", author: AUTHOR });
  await rig.append(...Array.from({ length: 3 }, () => ({ stream: "room:2" })));
  rig.messages.set(1, '{"text":"SECRET"}');
  const { seen, reads } = await readMeanwhile(async () => {
    rig.messages.set(1, '{"text":"hidden"}');
    await rig.append(told(Push.BLACK, AUTHOR));
  });
  expect([seen, reads]).toEqual([[{ text: "hidden" }], [[1], [1]]]);
});

test("BAN-3: so is one that quotes somebody who is banned meanwhile, and a ban of anybody else has nothing read again", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:9" }, { stream: "room:1", message: "own", quotes: 1 });
  rig.messages.set(2, '{"quotes":1,"text":"SECRET"}');
  const { seen, reads } = await readMeanwhile(async () => {
    rig.messages.set(2, '{"quotes":1,"text":"hidden"}');
    await rig.append(told(Push.BLACK, QUOTED_AUTHOR));
  });
  expect([seen, reads]).toEqual([[{ quotes: 1, text: "hidden" }], [[2], [2]]]);
  const elsewhere = await readMeanwhile(() => rig.append(told(Push.BLACK, 99)));
  expect(elsewhere.reads).toEqual([[2]]);
});
