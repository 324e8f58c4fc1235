import { afterEach, expect, test } from "bun:test";
import { parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../event-log/log.fixture.ts";
import { Outbox } from "../event-log/outbox.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { catchUp } from "./catch-up.ts";
import { Connection } from "./connection.ts";

let rig: LogRig;
afterEach(() => rig.close());

test("GW-20: a room full of replies, in which something is said at every turn, does not keep its reader from going live", async () => {
  rig = await openLog();
  const { epoch } = rig.scratch;
  const origin = {
    id: "c",
    ip: "",
    userAgent: "",
    baseUrl: "",
    anonymous: false,
    resume: true,
    idleMs: 0,
    connectedAt: 0,
  };
  const connection = new Connection(origin);
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
    const reply = { type: 4, messageId: said, data: "{}", kept: false, fleeting: true, at: 1 };
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
