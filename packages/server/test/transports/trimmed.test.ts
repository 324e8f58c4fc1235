import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { streamStates } from "../../src/event-log/log-reader.ts";
import { nextTurn } from "../../src/lib/interval.ts";
import { say } from "../harness.ts";
import { events, range, resyncs, Stage, streamOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

const KEPT = 20;
const SAID = 60;

let stage: Stage;
let room: number;
let cursor: string;
beforeAll(async () => {
  stage = await Stage.open({ RETENTION_MIN_EVENTS: "1", RETENTION_MAX_EVENTS: String(KEPT) });
  room = await stage.room();
  cursor = await stage.now();
  for (const i of range(1, SAID)) await say(stage.ann, room, `${i}`);
  await removed();
}, 30_000);
afterAll(() => stage.close());

/** Resolves when the log keeps no more of the room than it should. */
async function removed(): Promise<void> {
  const { db } = stage.server.storage;
  const stream = streamOf(room);
  const isRemoved = async () => (await streamStates(db, [stream])).get(stream)?.firstSeq === 2 + SAID - KEPT;
  const deadline = performance.now() + 20_000;
  while (!(await isRemoved())) {
    if (performance.now() > deadline) throw new Error("nothing was removed in 20 s");
    await nextTurn();
  }
}

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("TR-6: behind the log's first event: RESYNC trimmed, then what is kept; its place goes on", async () => {
      const reader = await stage.read(transport, { cursor });
      await stage.settle(reader);
      const gone = 1 + SAID - KEPT;
      expect(resyncs(reader)).toEqual([{ stream: streamOf(room), seq: gone, why: "trimmed" }]);
      expect(events(reader, streamOf(room)).map(({ seq }) => seq)).toEqual(range(gone + 1, 1 + SAID));
      const place = `${cursor},${streamOf(room)}@${gone}`;
      const again = await stage.read(transport, { cursor: place });
      await stage.settle(again);
      expect(resyncs(again).filter(({ stream }) => stream === streamOf(room))).toEqual([]);
      expect(events(again, streamOf(room)).map(({ seq }) => seq)).toEqual(range(gone + 1, 1 + SAID));
    });
  });
}
