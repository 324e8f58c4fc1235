import { afterEach, expect, test } from "bun:test";
import { ChangeType, Push, parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../../test/log-rig.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { Outbox } from "./outbox.ts";

/** What a reader still gets from streams that have left memory. */
let rig: LogRig;
afterEach(() => rig.close());

const UID = 20_000;
const many = (count: number, stream = "room:1") => Array.from({ length: count }, () => ({ stream }));
const seqs = (from: number, to: number, stream = "room:1") =>
  Array.from({ length: to - from + 1 }, (_, i) => `${stream}@${from + i}`);

/** Reads to the cut-over: the events by stream and seq. */
async function readAll(outbox: Outbox): Promise<string[]> {
  const frames: string[] = [];
  for (;;) {
    const rest = outbox.cutOver();
    frames.push(...(rest ?? (await outbox.next(7))));
    if (rest) return frames.map((frame) => JSON.parse(frame)).map(({ stream, seq }) => `${stream}@${seq}`);
  }
}

test("CUR-7 what a room had before its joining was told is read, also where it has left memory", async () => {
  rig = await openLog({ announcing: false, maxBytes: 1 });
  const me = `user:${UID}`;
  const joining = { roomId: 2, uid: UID, changeType: ChangeType.joined };
  const type = Push.MEMBER_CHANGE;
  await rig.append({ stream: me });
  await rig.announcer.catchUpWithLog();
  const outbox = new Outbox(
    rig.outboxParts(() => [whole(me)]),
    UID,
  );
  await outbox.openNow();
  await rig.append({ stream: "room:2", type, data: joining }, { stream: "room:2" });
  await rig.append({ stream: me, type, data: { ...joining, seq: 1 } });
  const [, join, message, copy] = rig.scratch.events;
  // This node has announced the room's events, but not yet the one that tells the reader about the room: nothing is left for them.
  await rig.announcer.announce([join, message] as LoggedEvent[]);
  expect(await outbox.next(10)).toEqual([]);
  await rig.announcer.announce([copy as LoggedEvent]);
  expect(rig.tail.head("room:2")).toBeUndefined();
  expect(await readAll(outbox)).toEqual([`${me}@2`, "room:2@1", "room:2@2"]);
});

test("CUR-7 so it is where places were looked up between the joining and its telling", async () => {
  rig = await openLog({ maxBytes: 1 });
  const me = `user:${UID}`;
  await rig.append({ stream: me }, ...many(250));
  const outbox = new Outbox(
    rig.outboxParts(() => [whole(me), whole("room:1")]),
    UID,
  );
  await outbox.open(parseCursor(`${rig.scratch.epoch};*@1`));
  const joining = { roomId: 2, uid: UID, changeType: ChangeType.joined };
  const type = Push.MEMBER_CHANGE;
  await rig.append({ stream: "room:2", type, data: joining }, { stream: "room:2" });
  await rig.append({ stream: me, type, data: { ...joining, seq: 1 } });
  const expected = [...seqs(1, 250), `${me}@2`, "room:2@1", "room:2@2"];
  expect(await readAll(outbox)).toEqual(expected);
});

test("LOG-5 it stays known that a stream which left memory has events, though older ones leave after it", async () => {
  rig = await openLog({ maxBytes: 1 });
  await rig.append(...many(3), ...many(1, "room:3"));
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1"), whole("room:2")]),
    UID,
  );
  await outbox.openNow();
  await rig.append(...many(3, "room:2"));
  for (const stream of ["room:1", "room:3"]) await rig.tail.read([{ stream, after: 0 }], 10);
  expect(rig.tail.head("room:2")).toBeUndefined();
  expect(await readAll(outbox)).toEqual(seqs(1, 3, "room:2"));
});
