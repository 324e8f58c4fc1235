import { afterEach, expect, test } from "bun:test";
import { LIMITS, parseCursor } from "@parley/protocol";
import { keepNewest, type LogRig, openLog, whole } from "../../test/log-rig.ts";
import { Outbox } from "./outbox.ts";

const ROOMS = LIMITS.resyncStreams + 1;
/** The longest cursor that the server makes by itself. */
const CURSOR_MAX = 4096;

let rig: LogRig;
afterEach(() => rig.close());

/** Two events in each of that many rooms, after one in each. */
async function openRooms(rooms: number): Promise<string[]> {
  rig = await openLog();
  const streams = Array.from({ length: rooms }, (_, i) => `room:${900_000_000 + i}`);
  for (let round = 0; round < 3; round++) await rig.append(...streams.map((stream) => ({ stream })));
  return streams;
}

async function opened(streams: readonly string[], entries: string, max?: number) {
  const outbox = new Outbox(
    rig.outboxParts(() => streams.map(whole)),
    20_000,
  );
  const cursor = parseCursor(`${rig.scratch.epoch};${entries}`);
  const resyncs = (await outbox.open(cursor, max)).map((frame) => JSON.parse(frame).data);
  return { outbox, resyncs };
}

test("CUR-6: of as many streams as are named one by one, RESYNC names each, and the cursor stays short", async () => {
  const streams = await openRooms(ROOMS - 1);
  const { outbox, resyncs } = await opened(streams, `*@${streams.length}`, 1);
  expect(resyncs.map(({ stream }) => stream).sort()).toEqual(streams);
  expect(resyncs.every(({ why, seq }) => why === "far" && seq === 3)).toBe(true);
  expect(outbox.cursor().length).toBeLessThan(CURSOR_MAX);
  expect(await outbox.next(10)).toEqual([]);
});

test("CUR-6: where more streams are too far behind, one RESYNC stands for everything, and the reader goes on behind it", async () => {
  const streams = await openRooms(ROOMS);
  const { outbox, resyncs } = await opened(streams, `*@${streams.length}`, 1);
  const cursor = `${rig.scratch.epoch};*@${3 * ROOMS}`;
  expect(resyncs).toEqual([{ stream: "*", cursor, why: "far" }]);
  expect(outbox.cursor()).toBe(cursor);
  await rig.append({ stream: streams[7] as string });
  const frames = [...(await outbox.next(10)), ...(outbox.cutOver() ?? [])];
  expect(frames.map((frame) => JSON.parse(frame))).toMatchObject([{ stream: streams[7], seq: 4 }]);
});

test("RET-4: so it is where more streams have lost events; one of them is enough for `trimmed`", async () => {
  const streams = await openRooms(ROOMS);
  const named = (from: number) => streams.slice(from).map((stream) => `${stream}@3`);
  await keepNewest(rig, 1);
  const { resyncs } = await opened(streams, "*@0");
  expect(resyncs).toEqual([{ stream: "*", cursor: `${rig.scratch.epoch};*@${3 * ROOMS}`, why: "trimmed" }]);
  const few = await opened(streams, ["*@0", ...named(2)].join(","));
  expect(few.resyncs.map(({ stream, why }) => [stream, why])).toEqual(
    streams.slice(0, 2).map((one) => [one, "trimmed"]),
  );
});

test("CUR-5: and where the cursor is ahead of more streams", async () => {
  const streams = await openRooms(ROOMS);
  const ahead = streams.map((stream) => `${stream}@9`).join(",");
  expect((await opened(streams, `*@0,${ahead}`)).resyncs).toMatchObject([{ stream: "*", why: "ahead" }]);
});
