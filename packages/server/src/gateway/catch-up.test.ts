import { afterEach, expect, test } from "bun:test";
import { parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "../event-log/outbox.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { catchUp } from "./catch-up.ts";
import { Connection } from "./connection.ts";

let rig: LogRig;
afterEach(() => rig.close());

const ORIGIN = {
  id: "c",
  ip: "",
  userAgent: "",
  baseUrl: "",
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
    const reply = { type: 4, messageId: said, data: "{}", kept: false, cacheable: false, at: 1 };
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
    catchUp({ connection, outbox, login: undefined, first, maxQueueBytes: 1_000_000 }),
    5000,
    "it never went live",
  );
  await busy;
  expect(subscribedAt).toBeLessThan(200);
  expect(seqs).toEqual(Array.from({ length: subscribedAt }, (_, i) => i + 1));
});

test("GW-27: however long its messages are, a backfill and its step to live hold no more than the queue may", async () => {
  rig = await openLog();
  const { epoch } = rig.scratch;
  const text = "x".repeat(15_000);
  await rig.append(...Array.from({ length: 45 }, () => ({ stream: "room:1", data: { text } })));
  const said = (pos: number) => {
    const event = { pos, stream: "room:1", seq: pos, type: 4, messageId: null, at: 1 };
    return { ...event, data: JSON.stringify({ text }), kept: true, cacheable: true };
  };
  const connection = new Connection(ORIGIN);
  const maxQueueBytes = 65_536;
  const seqs: number[] = [];
  let queued = 0;
  let most = 0;
  connection.opened({
    send: (frame) => {
      const { stream, seq } = JSON.parse(frame);
      if (stream) seqs.push(seq);
      // Said while he reads what was there: this is left for the step to live.
      if (seqs.length === 1) for (let pos = 46; pos <= 60; pos++) rig.tail.append(said(pos));
      if (queued === 0) {
        // The peer takes it all, some time later.
        setImmediate(() => {
          queued = 0;
          connection.wasDrained();
        });
      }
      queued += frame.length;
      most = Math.max(most, queued);
      return -1;
    },
    close: () => {},
    terminate: () => {},
    subscribe: () => {},
    unsubscribe: () => {},
    isSubscribed: () => false,
    getBufferedAmount: () => queued,
  });
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1")]),
    20_000,
  );
  const first = await outbox.open(parseCursor(`${epoch};*@0`));
  await catchUp({ connection, outbox, login: undefined, first, maxQueueBytes });
  expect(seqs).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(most).toBeLessThanOrEqual(maxQueueBytes);
  expect(connection.state.kind).toBe("live");
});
