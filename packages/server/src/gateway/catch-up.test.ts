import { afterEach, expect, spyOn, test } from "bun:test";
import { Push, parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "../event-log/outbox.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { catchUp } from "./catch-up.ts";
import { Connection } from "./connection.ts";

/** Nobody is online. */
const presence = { snapshotFor: () => [] };

let rig: LogRig;
afterEach(() => rig.close());

const ORIGIN = {
  id: "c",
  ip: "",
  userAgent: "",
  address: "",
  anonymous: false,
  resume: true,
  idleMs: 0,
  connectedAt: 0,
};

test("GW-20: a room full of replies, in which something is said at every turn, does not keep its reader from going live", async () => {
  rig = await openLog();
  const { epoch } = rig.scratch;
  const connection = new Connection(ORIGIN);
  const seqs: number[] = [];
  let subscribedAt = -1;
  let said = 0;
  connection.opened({
    send: (frame) => {
      const { stream, seq } = JSON.parse(frame);
      if (stream) seqs.push(seq);
      return frame.length;
    },
    close: () => {},
    terminate: () => {},
    subscribe: () => {
      subscribedAt = said;
    },
    unsubscribe: () => {},
    isSubscribed: () => false,
    getBufferedAmount: () => 0,
  });
  const say = () => {
    said += 1;
    const reply = { type: 4, messageId: said, data: "{}", storesData: false, cacheable: false, author: null, at: 1 };
    rig.tail.append({ pos: said, stream: "room:1", seq: said, ...reply });
  };
  for (let i = 0; i < 50; i++) say();
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1")]),
    20_000,
  );
  const first = await outbox.open(parseCursor(`${epoch};*@0`));
  const busy = (async () => {
    while (subscribedAt < 0 && said < 5000) {
      say();
      await nextTurn();
    }
  })();
  await withDeadline(
    catchUp({ connection, outbox, login: undefined, first, maxQueueBytes: 1_000_000, presence }),
    5000,
    "it never went live",
  );
  await busy;
  expect(subscribedAt).toBeLessThan(200);
  expect(seqs).toEqual(Array.from({ length: subscribedAt }, (_, i) => i + 1));
});

/** A wire whose peer takes nothing until the test says so; what waits is counted in bytes. */
class SlowWire {
  readonly seqs: number[] = [];
  /** Bytes that waited before and after each chunk that was sent at once. */
  readonly chunks: { before: number; after: number }[] = [];
  /** Events since the last cursor on the wire, the most so far. */
  apart = 0;
  queued = 0;
  sent: (() => void) | undefined;
  #since = 0;

  send = (frame: string) => {
    const { stream, seq } = JSON.parse(frame);
    if (stream) {
      this.seqs.push(seq);
      this.#since += 1;
      this.apart = Math.max(this.apart, this.#since);
    }
    this.queued += Buffer.byteLength(frame);
    this.sent?.();
    return -1;
  };

  sendAt = (frame: string) => {
    const result = this.send(frame);
    this.#since = 0;
    return result;
  };

  cork = (write: () => void) => {
    const before = this.queued;
    write();
    this.chunks.push({ before, after: this.queued });
  };

  getBufferedAmount = () => this.queued;
  close = () => {};
  terminate = () => {};
  subscribe = () => {};
  unsubscribe = () => {};
  isSubscribed = () => false;
}

/** Everything that a reader of `room:1` missed, taken by a slow peer; `taking` is called whenever nothing more is sent. */
async function slowly(wire: SlowWire, maxQueueBytes: number, taking: () => void): Promise<Connection> {
  const connection = new Connection(ORIGIN);
  connection.opened(wire);
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1")]),
    20_000,
  );
  const first = await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
  const work = catchUp({ connection, outbox, login: undefined, first, maxQueueBytes, presence });
  for (let takes = 0; connection.state.kind !== "live"; ) {
    const before = wire.seqs.length;
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    // It waits for the peer: another turn would change nothing. A read of the database may take longer, however many turns that is.
    if (wire.seqs.length > before || wire.queued === 0) continue;
    takes += 1;
    if (takes > 500) throw new Error("it never went live");
    taking();
    wire.queued = 0;
    connection.onDrained();
  }
  await withDeadline(work, 5000, "it does not end");
  return connection;
}

/** Three bytes each on the wire, which is the most for a character as strings count them. */
const CHARACTERS = "\u6f22".repeat(3000);

test("GW-27: while its peer takes nothing, a backfill waits with at most half of the queue, the step to live too", async () => {
  rig = await openLog();
  const data = { text: CHARACTERS };
  await rig.append(...Array.from({ length: 45 }, () => ({ stream: "room:1", data })));
  const wire = new SlowWire();
  wire.sent = () => {
    if (wire.seqs.length !== 1) return;
    wire.sent = undefined;
    // Said while the reader gets the backlog: this is left for the cut-over.
    for (let pos = 46; pos <= 60; pos++) {
      const event = { pos, stream: "room:1", seq: pos, type: 4, messageId: null, at: 1 };
      rig.tail.append({ ...event, data: JSON.stringify(data), storesData: true, cacheable: true, author: null });
    }
  };
  const waited: number[] = [];
  const connection = await slowly(wire, 65_536, () => waited.push(wire.queued));
  expect(wire.seqs).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(connection.state.kind).toBe("live");
  expect(waited.length).toBeGreaterThan(10);
  for (const bytes of waited) expect(bytes).toBeLessThanOrEqual(32_768);
  for (const { before, after } of wire.chunks) {
    expect(before).toBeLessThanOrEqual(16_384);
    expect(after).toBeLessThanOrEqual(32_768);
  }
}, 20_000);

test("GW-27: however long the queue may be, nothing is sent while more than 64 KiB wait", async () => {
  rig = await openLog();
  const data = { text: CHARACTERS };
  await rig.append(...Array.from({ length: 200 }, () => ({ stream: "room:1", data })));
  const wire = new SlowWire();
  await slowly(wire, 1_048_576, () => {});
  expect(wire.seqs).toHaveLength(200);
  const most = Math.max(...wire.chunks.map(({ before }) => before));
  expect(most).toBeLessThanOrEqual(65_536);
  expect(Math.max(...wire.chunks.map(({ after }) => after))).toBeLessThanOrEqual(524_288);
}, 20_000);

test("GW-27: a backfill that waits for its reader ends with the connection", async () => {
  rig = await openLog();
  await rig.append(...Array.from({ length: 45 }, () => ({ stream: "room:1", data: { text: CHARACTERS } })));
  const wire = new SlowWire();
  const connection = new Connection(ORIGIN);
  connection.opened(wire);
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1")]),
    20_000,
  );
  const first = await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
  const waits = Promise.withResolvers<void>();
  const drained = spyOn(connection, "drained").mockImplementation(() => {
    drained.mockRestore();
    waits.resolve();
    return connection.drained();
  });
  const work = catchUp({ connection, outbox, login: undefined, first, maxQueueBytes: 65_536, presence });
  await withDeadline(waits.promise, 3000, "it did not wait");
  const sent = wire.seqs.length;
  connection.ended();
  await withDeadline(work, 3000, "it waits for a connection that has ended");
  expect(wire.seqs).toHaveLength(sent);
});

test("TR-21: cursors on the wire are at most 20 events apart", async () => {
  rig = await openLog();
  await rig.append(...Array.from({ length: 200 }, () => ({ stream: "room:1" })));
  const wire = new SlowWire();
  await slowly(wire, 1_048_576, () => {});
  expect([wire.seqs.length, wire.apart]).toEqual([200, 20]);
}, 20_000);

test("GW-11, GW-20: only a reader that asked to resume is told with CURSOR that it is live", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:1" });
  for (const resume of [true, false]) {
    const types: number[] = [];
    const connection = new Connection({ ...ORIGIN, resume });
    const send = (frame: string) => types.push(JSON.parse(frame).type);
    connection.opened({ ...new SlowWire(), send, sendAt: send, getBufferedAmount: () => 0 });
    const outbox = new Outbox(
      rig.outboxParts(() => [whole("room:1")]),
      20_000,
    );
    const first = await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
    await catchUp({ connection, outbox, login: undefined, first, maxQueueBytes: 65_536, presence });
    expect([connection.state.kind, types]).toEqual(["live", resume ? [4, Push.CURSOR] : [4]]);
  }
});

test("GW-27: a connection that ends at the step to live, or just before it, stays ended", async () => {
  rig = await openLog();
  await rig.append({ stream: "room:1" });
  for (const moment of ["before", "in the middle"]) {
    const wire = new SlowWire();
    const subscribed: string[] = [];
    const connection = new Connection(ORIGIN);
    connection.opened(Object.assign(wire, { subscribe: (topic: string) => subscribed.push(topic) }));
    const outbox = new Outbox(
      rig.outboxParts(() => [whole("room:1")]),
      20_000,
    );
    await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
    if (moment === "in the middle") wire.sent = () => connection.ended();
    const first = moment === "before" ? [JSON.stringify({ text: CHARACTERS.repeat(3) })] : [];
    const work = catchUp({ connection, outbox, login: undefined, first, maxQueueBytes: 65_536, presence });
    if (moment === "before") connection.ended();
    await withDeadline(work, 3000, "it waits for a connection that has ended");
    expect([connection.state.kind, subscribed]).toEqual(["closed", []]);
  }
});
