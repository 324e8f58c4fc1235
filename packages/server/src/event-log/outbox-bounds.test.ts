import { afterEach, expect, test } from "bun:test";
import { parseCursor } from "@parley/protocol";
import { type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";

const UID = 20_000;

let rig: LogRig;
afterEach(() => rig.close());

test("GW-27, TR-41: a chunk gets no further frame once it has so many characters, and at least one", async () => {
  rig = await openLog();
  const data = { text: "x".repeat(1000) };
  await rig.append(...Array.from({ length: 10 }, () => ({ stream: "room:1", data })));
  const outbox = new Outbox(
    rig.outboxParts(() => [whole("room:1")]),
    UID,
  );
  await outbox.open(parseCursor(`${rig.scratch.epoch};*@0`));
  const counts: number[] = [];
  for (const length of [1, JSON.stringify(data).length, 2500, 1_000_000]) {
    counts.push((await outbox.next(4, length)).length);
    expect(outbox.isAhead).toBe(counts.reduce((sum, count) => sum + count, 0) < 10);
  }
  expect(counts).toEqual([1, 1, 3, 4]);
  expect(await outbox.next(4, 1)).toHaveLength(1);
});

test("GW-27: the step to live takes at most so many events, and several together only so many characters; one alone may be longer", async () => {
  rig = await openLog();
  const data = { text: "x".repeat(1000) };
  const opened = async (behind: number) => {
    const outbox = new Outbox(
      rig.outboxParts(() => [whole("room:1")]),
      UID,
    );
    await outbox.open(parseCursor(`${rig.scratch.epoch};*@${10 - behind}`));
    return outbox;
  };
  await rig.append(...Array.from({ length: 10 }, () => ({ stream: "room:1", data })));
  const length = JSON.stringify(data).length;
  expect((await opened(3)).cutOver(2)).toBeUndefined();
  expect((await opened(3)).cutOver(3)).toHaveLength(3);
  expect((await opened(2)).cutOver(3, 2 * length - 1)).toBeUndefined();
  expect((await opened(2)).cutOver(3, 2 * length)).toHaveLength(2);
  expect((await opened(1)).cutOver(3, 1)).toHaveLength(1);
});
