import { afterEach, expect, test } from "bun:test";
import { HeldAnswers, settled } from "../../test/held-answers.ts";
import { HeldTimers } from "../../test/held-timers.ts";
import { type LogRig, openLog } from "../../test/log-rig.ts";
import { until } from "../../test/webhook-receiver.ts";
import type { BusListener, BusMessage } from "../bus/bus.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { delay } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { Announcer } from "./announce.ts";
import { LogReader } from "./log-reader.ts";
import { OtherNodes } from "./other-nodes.ts";

/** How long a batch that is missing is waited for. */
const HINT_MS = 50;
/** How often a node looks whether it is time to look at the log's end. */
const LOOK_MS = 250;

/** A bus by hand. */
class HandBus {
  works = true;
  carriesEvents = true;
  #listener: BusListener = () => {};
  #restored = () => {};

  subscribe(listener: BusListener) {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }

  onRestored(listener: () => void) {
    this.#restored = listener;
    return () => {
      this.#restored = () => {};
    };
  }

  bring(message: BusMessage): void {
    this.#listener(message, "0123456789abcdef");
  }

  bringBatch(events: readonly LoggedEvent[]): void {
    this.bring({ channel: "log", events, upTo: events.at(-1)?.pos ?? 0 });
  }

  restore(): void {
    this.#restored();
  }
}

class CountingReader extends LogReader {
  ends = 0;
  reads = 0;
  fails = false;
  isHeld = false;
  readonly held = new HeldAnswers();

  override async end() {
    this.ends += 1;
    if (this.fails) throw new Error("the database is away");
    return super.end();
  }

  override all(after: number, limit: number) {
    this.reads += 1;
    const events = super.all(after, limit);
    return this.isHeld ? this.held.hold(events) : events;
  }
}

let rig: LogRig;
let stop = () => {};
afterEach(async () => {
  stop();
  await rig.close();
});

async function scene({ hasReaders = false } = {}) {
  rig = await openLog({ announcing: false });
  const reader = new CountingReader(rig.scratch.db);
  const bus = new HandBus();
  const heard: number[] = [];
  const lines: string[] = [];
  const announcer = new Announcer(
    { reader, eventDataOf: async () => new Map(), position: 0, othersTell: () => bus.carriesEvents && bus.works },
    ({ pos }) => heard.push(pos),
  );
  const logger = createLogger({ level: "trace", sink: { write: (line) => void lines.push(line) } });
  stop = new OtherNodes({
    announcer,
    look: () => announcer.catchUpWithLog(),
    mayHandOn: () => true,
    bus,
    hasReaders: () => hasReaders,
    logger,
  }).start();
  /** Another node writes a batch. */
  const written = async (count: number): Promise<LoggedEvent[]> => {
    await rig.append(...Array.from({ length: count }, () => ({ stream: "room:1" })));
    return rig.scratch.events.slice(-count);
  };
  return { reader, bus, heard, lines, announcer, written };
}

test("BUS-9 batches of other nodes are handed on as they come, and the log is not read", async () => {
  const { reader, bus, heard, written } = await scene();
  for (let n = 0; n < 3; n++) bus.bringBatch(await written(2));
  expect([heard, reader.reads]).toEqual([[1, 2, 3, 4, 5, 6], 0]);
});

test("BUS-9 batches that come before their turn wait for the one before them, and so does what is committed here", async () => {
  using timers = new HeldTimers(HINT_MS);
  const { reader, bus, heard, announcer, written } = await scene();
  const [first, second, own] = [await written(2), await written(2), await written(1)];
  const announced = announcer.announce(own);
  bus.bringBatch(second);
  bus.bringBatch(second);
  expect(heard).toEqual([]);
  bus.bringBatch(first);
  expect(heard).toEqual([1, 2, 3, 4, 5]);
  await announced;
  expect([heard, reader.reads, timers.waiting]).toEqual([[1, 2, 3, 4, 5], 0, []]);
});

test("BUS-9 a batch that is missing for 50 ms is read from the log", async () => {
  using timers = new HeldTimers(HINT_MS);
  const { reader, bus, heard, announcer, written } = await scene();
  const [lost, come, own] = [await written(3), await written(2), await written(1)];
  bus.bringBatch(come);
  const announced = announcer.announce(own);
  await settled();
  expect([heard, reader.reads, timers.waiting]).toEqual([[], 0, [HINT_MS, HINT_MS]]);
  timers.run();
  await announced;
  expect([heard, reader.reads]).toEqual([[1, 2, 3, 4, 5, 6], 1]);
  bus.bringBatch(lost);
  bus.bringBatch(come);
  expect(heard.length).toBe(6);
});

test("BUS-9 what comes while the log is read follows at once when it has been read", async () => {
  const { reader, bus, heard, written } = await scene();
  await written(2);
  reader.isHeld = true;
  bus.bring({ channel: "log", events: [], upTo: 2 });
  await until("the log is read", () => reader.held.waiting === 1);
  bus.bringBatch(await written(1));
  expect(heard).toEqual([]);
  await reader.held.letGo(0);
  expect([heard, reader.reads]).toEqual([[1, 2, 3], 1]);
});

test("BUS-9 a position without events is read from the log at once, and one beyond its end does no harm", async () => {
  using timers = new HeldTimers(HINT_MS, LOOK_MS);
  const { reader, bus, heard, announcer, written } = await scene();
  await written(3);
  bus.bring({ channel: "log", events: [], upTo: 3 });
  await until("they are read", () => heard.length === 3);
  expect(timers.waiting).toEqual([LOOK_MS]);
  bus.bring({ channel: "log", events: [], upTo: Number.MAX_SAFE_INTEGER });
  await announcer.announceUpTo(Number.MAX_SAFE_INTEGER);
  expect(reader.reads).toBeGreaterThan(1);
  const reads = reader.reads;
  bus.bringBatch(await written(1));
  await delay(20);
  expect([heard, reader.reads]).toEqual([[1, 2, 3, 4], reads]);
});

test("BUS-9 when the bus works again, the log's end is looked at at once, and once more if it is just being looked at", async () => {
  using _timers = new HeldTimers(LOOK_MS);
  const { reader, bus, heard, written } = await scene();
  await written(2);
  bus.restore();
  await until("it is found", () => heard.length === 2);
  const ends = reader.ends;
  bus.restore();
  bus.restore();
  await until("it is looked at twice", () => reader.ends === ends + 2);
});

test("BUS-9 with a bus that brings events the log's end is looked at every 5 s", async () => {
  using timers = new HeldTimers(LOOK_MS);
  const { reader, heard, written } = await scene({ hasReaders: true });
  await written(2);
  for (let ms = LOOK_MS; ms < 5000; ms += LOOK_MS) timers.run();
  await settled();
  expect([heard, reader.ends, timers.waiting]).toEqual([[], 0, [LOOK_MS]]);
  timers.run();
  await until("it is found", () => heard.length === 2);
});

test.each(["brings positions only", "does not work"])(
  "BUS-9 with a bus that %s it is looked at every 250 ms while there are readers",
  async (kind) => {
    using timers = new HeldTimers(LOOK_MS);
    const { bus, heard, written } = await scene({ hasReaders: true });
    if (kind === "does not work") bus.works = false;
    else bus.carriesEvents = false;
    await written(2);
    timers.run();
    await until("it is found", () => heard.length === 2);
  },
);

test("BUS-9 without readers nobody looks more often, whatever the bus", async () => {
  using timers = new HeldTimers(LOOK_MS);
  const { bus, reader } = await scene({ hasReaders: false });
  bus.works = false;
  for (let ms = LOOK_MS; ms < 5000; ms += LOOK_MS) timers.run();
  await settled();
  expect(reader.ends).toBe(0);
});

test("BUS-9 with a bus that brings positions only, nobody waits for events that do not come", async () => {
  using _timers = new HeldTimers(HINT_MS);
  const { bus, heard, announcer, written } = await scene();
  bus.carriesEvents = false;
  await written(2);
  await announcer.announce(await written(1));
  expect(heard).toEqual([1, 2, 3]);
});

test("BUS-9 while the database is away one line says so, batches without a gap go on, and afterwards the rest is found", async () => {
  const { bus, reader, heard, lines, written } = await scene();
  bus.bringBatch(await written(1));
  reader.fails = true;
  await written(1);
  bus.bringBatch(await written(1));
  bus.bring({ channel: "log", events: [], upTo: 3 });
  await until("it failed", () => lines.length > 0);
  await delay(100);
  expect([heard, lines.length]).toEqual([[1], 1]);
  reader.fails = false;
  bus.restore();
  await until("the rest is found", () => heard.length === 3);
  expect(heard).toEqual([1, 2, 3]);
});

test("BUS-9 after the stop nothing is looked at and nothing is handed on", async () => {
  const { bus, reader, heard, written } = await scene({ hasReaders: true });
  bus.works = false;
  stop();
  bus.bringBatch(await written(1));
  bus.restore();
  await delay(400);
  expect([heard, reader.ends]).toEqual([[], 0]);
});
