import { afterEach, expect, test } from "bun:test";
import { HeldAnswers, settled } from "../../test/held-answers.ts";
import { type LogRig, openLog } from "../../test/log-rig.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { Announcer, dataKey } from "./announce.ts";
import { LogReader } from "./log-reader.ts";

let rig: LogRig;
afterEach(() => rig.close());

test("LOG-4 events that another process wrote are found at the log's end, in order, once", async () => {
  const heard: LoggedEvent[] = [];
  rig = await openLog({ announcing: false, listener: (event) => heard.push(event) });
  for (let i = 0; i < 1200; i += 100) await rig.append(...Array.from({ length: 100 }, () => ({ stream: "room:1" })));
  await Promise.all([rig.announcer.catchUpWithLog(), rig.announcer.catchUpWithLog()]);
  expect(heard.map((event) => event.seq)).toEqual(Array.from({ length: 1200 }, (_, i) => i + 1));
});

test("LOG-4 a jump is filled from the log before what comes after it", async () => {
  const heard: LoggedEvent[] = [];
  rig = await openLog({ announcing: false, listener: (event) => heard.push(event) });
  await rig.append({ stream: "room:1", message: "own" }, { stream: "room:2", data: { n: 2 } });
  await rig.append({ stream: "room:1", data: { n: 3 }, type: 9, message: 1 });
  const events = rig.scratch.events;
  await rig.announcer.announce([events[2] as LoggedEvent]);
  await rig.announcer.announce([events[0] as LoggedEvent, events[1] as LoggedEvent]);
  expect(heard.map((event) => [event.pos, event.data])).toEqual([
    [1, '{"id":1}'],
    [2, '{"n":2}'],
    [3, '{"n":3}'],
  ]);
});

test("LOG-4 every permutation of lost, repeated and reordered hints gives each event once, in order", async () => {
  const heard: LoggedEvent[] = [];
  rig = await openLog({ announcing: false, listener: (event) => heard.push(event) });
  for (let i = 0; i < 6; i++) await rig.append({ stream: `room:${(i % 2) + 1}`, data: { i } });
  const events = rig.scratch.events;
  for (const index of [3, 3, 1, 0, 5, 2, 5]) await rig.announcer.announce([events[index] as LoggedEvent]);
  expect(heard.map((event) => event.pos)).toEqual([1, 2, 3, 4, 5, 6]);
});

test("LOG-4 a place that is reached has been handed on, though a nearer one was asked for meanwhile", async () => {
  const heard: number[] = [];
  rig = await openLog({ announcing: false, listener: ({ pos }) => heard.push(pos) });
  for (let i = 0; i < 6; i++) await rig.append(...Array.from({ length: 200 }, () => ({ stream: "room:1" })));
  const far = rig.announcer.announceUpTo(1200);
  const near = rig.announcer.announceUpTo(10);
  await far;
  expect(heard.length).toBe(1200);
  await near;
});

test("LOG-4 what is committed while the log is read does not count as removed", async () => {
  rig = await openLog({ announcing: false });
  /** Somebody writes just behind the first look at the events. */
  class OvertakenReader extends LogReader {
    #isOvertaken = false;
    override async all(after: number, limit: number) {
      const events = await super.all(after, limit);
      if (!this.#isOvertaken) await rig.append({ stream: "room:1" });
      this.#isOvertaken = true;
      return events;
    }
  }
  const heard: number[] = [];
  const announcer = new Announcer(
    { reader: new OvertakenReader(rig.scratch.db), eventDataOf: async () => new Map(), position: 0 },
    (event) => heard.push(event.pos),
  );
  await announcer.announceUpTo(1);
  await announcer.catchUpWithLog();
  expect(heard).toEqual([1]);
});

test("LOG-4 what is committed and asked for while the log is read in vain is handed on before the asking ends", async () => {
  rig = await openLog({ announcing: false });
  const held = new HeldAnswers();
  class HeldReader extends LogReader {
    override all(after: number, limit: number) {
      return held.hold(super.all(after, limit));
    }
  }
  const heard: number[] = [];
  const announcer = new Announcer(
    { reader: new HeldReader(rig.scratch.db), eventDataOf: async () => new Map(), position: 0 },
    ({ pos }) => heard.push(pos),
  );
  // Somebody says that the log goes further than it does.
  const inVain = announcer.announceUpTo(100);
  await settled();
  await rig.append({ stream: "room:1" });
  const announced = announcer.announceUpTo(1).then(() => expect(heard).toEqual([1]));
  await held.letGo(0);
  await held.open();
  await Promise.all([inVain, announced]);
});

test("LOG-4 a wait for a place ends after everything up to it was handed on, though nobody hinted at it", async () => {
  const heard: number[] = [];
  rig = await openLog({ announcing: false, listener: ({ pos }) => heard.push(pos) });
  await rig.append({ stream: "room:1" }, { stream: "room:1" }, { stream: "room:1" });
  await rig.announcer.whenAnnounced(2);
  expect(heard.slice(0, 2)).toEqual([1, 2]);
});

test("BUS-9 what is read from the log of streams that nobody reads here is handed on without texts, which cost a reading", async () => {
  rig = await openLog({ announcing: false });
  const asked: number[] = [];
  const heard: [pos: number, data: string][] = [];
  const read = new Set(["room:1"]);
  const announcer = new Announcer(
    {
      reader: rig.reader,
      position: 0,
      isRead: (stream) => read.has(stream),
      eventDataOf: async (events) => {
        asked.push(...events.map(({ messageId }) => messageId));
        // Somebody begins to read another stream in the meantime.
        if (events.some(({ messageId }) => messageId === 4)) read.add("room:2");
        return new Map(events.map((event) => [dataKey(event), { text: `"text"`, author: 7, quotes: [] }]));
      },
    },
    ({ pos, data }) => heard.push([pos, data]),
  );
  const own = { message: "own" } as const;
  await rig.append({ stream: "room:2", ...own }, { stream: "room:1", ...own }, { stream: "room:2", data: { n: 3 } });
  await announcer.catchUpWithLog();
  expect([asked, heard]).toEqual([
    [2],
    [
      [1, "null"],
      [2, '"text"'],
      [3, '{"n":3}'],
    ],
  ]);
  await rig.append({ stream: "room:1", ...own }, { stream: "room:2", ...own }, { stream: "room:3", ...own });
  await announcer.catchUpWithLog();
  expect([asked, heard.slice(3)]).toEqual([
    [2, 4, 5],
    [
      [4, '"text"'],
      [5, '"text"'],
      [6, "null"],
    ],
  ]);
});
