import { afterAll, beforeAll, expect, test } from "bun:test";
import { parseCursor } from "@parley/protocol";
import { sendAll } from "../load.ts";
import { seeded } from "../seeded.ts";
import { openRaw } from "../test-database.ts";
import { events, Stage, streamOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

const SEED = 20261123;
const JOINERS = 12;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ MAX_CONNECTIONS_PER_USER: "100" });
}, 30_000);
afterAll(() => stage.close());

test(`TR-13: a reader that begins in the middle of a heavy load, wherever its cursor stands, gets each event once and in order (seed ${SEED})`, async () => {
  const rooms = [await stage.room(), await stage.room(), await stage.room()];
  const random = seeded(SEED);
  let sending = true;
  const load = rooms.map(async (roomId) => {
    const senders = Array.from({ length: 12 }, () => stage.ann);
    for (let round = 0; sending; round++) await sendAll({ senders, roomId, count: 48, label: `${roomId}-${round}` });
  });
  const cursors = [await stage.now()];
  const begun: { cursor: string; reader: Awaited<ReturnType<Stage["read"]>> }[] = [];
  for (let round = 0; round < JOINERS; round++) {
    await Promise.all(
      TRANSPORTS.map(async (transport) => {
        const cursor = cursors[Math.floor(random() * cursors.length)] as string;
        const reader = await stage.read(transport, { cursor, max: 50_000 });
        begun.push({ cursor, reader });
        await reader.until((frames) => events({ frames }).length > random() * 60, "some events");
      }),
    );
    cursors.push(await stage.now());
  }
  sending = false;
  await Promise.all(load);
  for (const { reader } of begun) await stage.settle(reader);
  const log = await openRaw(stage.server.place);
  for (const { cursor, reader } of begun) {
    expect(reader.frames.filter(({ type }) => type === 108)).toEqual([]);
    const { floor } = parseCursor(cursor);
    for (const stream of rooms.map(streamOf)) {
      const due = "select seq from events where stream = ? and pos > ? order by seq";
      const rows = await log.rows<{ seq: number }>(due, stream, floor as number);
      expect(events(reader, stream).map(({ seq }) => seq)).toEqual(rows.map(({ seq }) => seq));
    }
  }
  await log.close();
  // Some readers began in the middle of it.
  expect(new Set(begun.map(({ cursor }) => cursor)).size).toBeGreaterThan(3);
}, 30_000);
