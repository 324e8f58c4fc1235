import { afterAll, beforeAll, expect, test } from "bun:test";
import { sendAll } from "../load.ts";
import { events, range, Stage, streamOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

/** Every transport after every other one, by index: twelve changes. */
const ROUND = [0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3, 0];

test("TR-9: one cursor is carried over all twelve changes of transport while eight send: nothing is lost, doubled or out of order", async () => {
  const changes = new Set(ROUND.slice(1).map((to, i) => `${ROUND[i]} ${to}`));
  expect([changes.size, [...changes].every((change) => change[0] !== change[2])]).toEqual([12, true]);

  const rooms = [await stage.room(), await stage.room(), await stage.room()];
  // Everything that is sent comes after it.
  let cursor = await stage.now();
  let sending = true;
  const load = rooms.map(async (roomId) => {
    for (let round = 0; sending; round++) {
      const senders = Array.from({ length: 8 / rooms.length + 1 }, () => stage.ann);
      await sendAll({ senders, roomId, count: 10, label: `${roomId} ${round}`.replaceAll(" ", "-") });
    }
  });
  const seen: ReturnType<typeof events> = [];
  for (const index of ROUND) {
    const transport = TRANSPORTS[index] as (typeof TRANSPORTS)[number];
    const reader = await stage.read(transport, { cursor });
    await reader.until((frames) => events({ frames }).length >= 25, `events by ${transport.name}`);
    expect(reader.frames.filter(({ type }) => type === 108)).toEqual([]);
    seen.push(...events(reader));
    cursor = reader.cursor();
    reader.close();
  }
  sending = false;
  await Promise.all(load);
  const last = await stage.read(TRANSPORTS[1] as (typeof TRANSPORTS)[number], { cursor });
  await stage.settle(last);
  seen.push(...events(last));

  for (const room of rooms) {
    const head = (await stage.ann.api.ok<{ seq: number }>("GET", `/rooms/${room}`)).seq;
    const seqs = seen.filter(({ stream }) => stream === streamOf(room)).map(({ seq }) => seq);
    expect(head).toBeGreaterThan(50);
    expect(seqs).toEqual(range(2, head));
  }
}, 30_000);
