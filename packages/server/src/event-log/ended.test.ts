import { afterEach, beforeEach, expect, test } from "bun:test";
import { parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { StorageFault } from "../db/storage-fault.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { nextTurn } from "../lib/interval.ts";
import { Announcer, dataKey, type EventDataOf } from "./announce.ts";
import { Outbox, type OutboxParts } from "./outbox.ts";

let rig: LogRig;
let heard: number[];
beforeEach(async () => {
  heard = [];
  rig = await openLog({ announcing: false });
});
afterEach(() => rig.close());

const textsOf: EventDataOf = async (events) =>
  new Map(events.map((event) => [dataKey(event), { text: `"text"`, author: 7, quotes: [] }]));

function announcerOf(parts: Partial<ConstructorParameters<typeof Announcer>[0]> = {}): Announcer {
  return new Announcer({ reader: rig.reader, eventDataOf: textsOf, position: 0, ...parts }, ({ pos }) =>
    heard.push(pos),
  );
}

const refusal = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test("NODE-11 after the end nothing is handed on, whatever brings it, and those who wait for it are refused", async () => {
  const announcer = announcerOf({ othersTell: () => true });
  await rig.append({ stream: "room:1" }, { stream: "room:1" }, { stream: "room:1" });
  const [first, second, third] = rig.scratch.events as [LoggedEvent, LoggedEvent, LoggedEvent];
  await announcer.announce([first]);
  // It comes before its turn and waits for the one before it.
  const held = announcer.announce([third]);
  const waited = refusal(announcer.whenAnnounced(3));
  announcer.end();
  await Promise.all([held, announcer.announce([second]), announcer.announceUpTo(3), announcer.catchUpWithLog()]);
  expect([heard, announcer.position]).toEqual([[1], 1]);
  expect(await waited).toBeInstanceOf(StorageFault);
  // Also if it was handed on before.
  expect(await refusal(announcer.whenAnnounced(1))).toBeInstanceOf(StorageFault);
});

for (const during of ["events", "texts"] as const) {
  test(`NODE-11 what is being read of the log at the end is not handed on (${during})`, async () => {
    const { reader } = rig;
    const announcer = announcerOf({
      reader: {
        end: () => reader.end(),
        all: async (after: number, limit: number) => {
          const events = await reader.all(after, limit);
          if (during === "events") announcer.end();
          return events;
        },
      } as never,
      eventDataOf: async (events) => {
        if (during === "texts") announcer.end();
        return textsOf(events);
      },
    });
    await rig.append({ stream: "room:1", message: "own" });
    await announcer.announceUpTo(1);
    expect([heard, announcer.position]).toEqual([[], 0]);
  });
}

test("NODE-11 nobody skips what is no longer in the log after the end", async () => {
  const skipped: number[] = [];
  const announcer = announcerOf({
    skipped: (position) => skipped.push(position),
    reader: {
      end: async () => 5,
      all: async () => {
        announcer.end();
        return [];
      },
    } as never,
  });
  await announcer.announceUpTo(5);
  expect([skipped, announcer.position]).toEqual([[], 0]);
});

test("NODE-11 before the log is read, it is asked whether this node may hand it on", async () => {
  let asked = 0;
  const announcer = announcerOf({
    mayHandOn: async () => {
      asked += 1;
      await nextTurn();
      announcer.end();
      return false;
    },
  });
  await rig.append({ stream: "room:1" });
  await announcer.catchUpWithLog();
  expect([asked, heard]).toEqual([1, []]);
});

const WINDOWS = [whole("room:1")];

/** A reader who has seen nothing yet, on a node that ends while it reads something. */
function outboxOf(change: (parts: OutboxParts) => Partial<OutboxParts>): Outbox {
  const parts = rig.outboxParts(() => WINDOWS);
  return new Outbox({ ...parts, ...change(parts) }, 20_000);
}
const fromStart = () => parseCursor(`${rig.scratch.epoch};*@0`);

test("NODE-11 a start, what was read for a reader, and the cut-over are refused after the end", async () => {
  await rig.append({ stream: "room:1" });
  await rig.announcer.catchUpWithLog();
  const starting = outboxOf(({ readWindows }) => ({
    readWindows: async (reader) => {
      const windows = await readWindows(reader);
      rig.announcer.end();
      return windows;
    },
  }));
  const [reading, ready] = [outboxOf(() => ({})), outboxOf(() => ({}))];
  await Promise.all([reading.open(fromStart()), ready.open(fromStart())]);
  expect(await ready.next(10)).toHaveLength(1);
  expect(await refusal(starting.open(fromStart()))).toBeInstanceOf(StorageFault);
  expect(await refusal(reading.next(10))).toBeInstanceOf(StorageFault);
  expect(() => ready.cutOver()).toThrow(StorageFault);
});

test("NODE-11 a text that is being read for a reader at the end is not shown", async () => {
  await rig.append({ stream: "room:1", message: "own" });
  await rig.announcer.catchUpWithLog();
  const outbox = outboxOf(({ eventDataOf }) => ({
    eventDataOf: async (events) => {
      const texts = await eventDataOf(events);
      rig.announcer.end();
      return texts;
    },
  }));
  await outbox.open(fromStart());
  expect(await refusal(outbox.next(10))).toBeInstanceOf(StorageFault);
});
