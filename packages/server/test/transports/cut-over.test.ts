import { afterAll, beforeAll, expect, test } from "bun:test";
import { sendAll } from "../load.ts";
import { seeded } from "../seeded.ts";
import { events, range, Stage, streamOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

const SEED = 20261123;
const JOINERS = 12;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ MAX_CONNECTIONS_PER_USER: "100" });
});
afterAll(() => stage.close());

test(`TR-13: whoever begins in the middle of a heavy load, wherever his cursor stands, gets each event once and in order (seed ${SEED})`, async () => {
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
  const heads = new Map<string, number>();
  for (const room of rooms) {
    heads.set(streamOf(room), (await stage.ann.api.ok<{ seq: number }>("GET", `/rooms/${room}`)).seq);
  }
  for (const { reader } of begun) {
    expect(reader.frames.filter(({ type }) => type === 108)).toEqual([]);
    for (const [stream, head] of heads) {
      const seqs = events(reader, stream).map(({ seq }) => seq);
      expect(seqs).toEqual(range(head - seqs.length + 1, head));
    }
  }
  // Who began at the first cursor has everything, so the others' gapless ends are ends of the same.
  const first = begun.filter(({ cursor }) => cursor === cursors[0]);
  expect(first.length).toBeGreaterThan(0);
  for (const { reader } of first) {
    for (const [stream, head] of heads) expect(events(reader, stream)).toHaveLength(head - 1);
  }
}, 30_000);
