import { afterEach, expect, test } from "bun:test";
import { parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";

let rig: LogRig;
afterEach(() => rig.close());

test("CUR-9 a text that leaves memory while another reader brings one in is read again, and its event is not passed over", async () => {
  rig = await openLog({ maxBytes: 1500 });
  await rig.append({ stream: "room:1", message: "own" });
  await rig.append({ stream: "room:2", message: "own", quotes: 1 });
  // So large that, once remembered, it leaves no room for the first one's stream.
  rig.messages.set(2, JSON.stringify({ text: "x".repeat(2000) }));
  const cursor = parseCursor(`${rig.scratch.epoch};*@0`);
  const parts = rig.outboxParts(() => [whole("room:1"), whole("room:2")]);
  const [reading, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const eventDataOf: typeof parts.eventDataOf = async (events) => {
    const texts = await parts.eventDataOf(events);
    reading.resolve();
    await goOn.promise;
    return texts;
  };
  const first = new Outbox({ ...parts, eventDataOf }, undefined);
  await first.open(cursor);
  const frames = first.next(20);
  await reading.promise;
  const second = new Outbox(
    rig.outboxParts(() => [whole("room:2")]),
    undefined,
  );
  await second.open(cursor);
  expect(await second.next(20)).toHaveLength(1);
  expect(rig.tail.head("room:1")).toBeUndefined();
  goOn.resolve();
  expect((await frames).map((frame) => JSON.parse(frame).stream)).toEqual(["room:1", "room:2"]);
});
