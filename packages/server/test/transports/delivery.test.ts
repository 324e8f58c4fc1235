import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { say } from "../harness.ts";
import { events, range, resyncs, Stage, streamOf, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("TR-1: what is said while one reads comes once, in order, without a gap", async () => {
      const room = await stage.room();
      await say(stage.ann, room, "before");
      const reader = await stage.read(transport);
      await Promise.all(range(1, 60).map((i) => say(stage.ann, room, `live ${i}`)));
      await stage.settle(reader);
      expect(events(reader, streamOf(room)).map(({ seq }) => seq)).toEqual(range(3, 62));
      expect(new Set(texts(reader, room)).size).toBe(60);
    });

    test("TR-1: the order is that of the log over all streams", async () => {
      const rooms = [await stage.room(), await stage.room(), await stage.room()];
      const cursor = await stage.now();
      const reader = await stage.read(transport);
      await Promise.all(range(1, 45).map((i) => say(stage.ann, rooms[i % 3] as number, `${i}`)));
      await stage.settle(reader);
      const again = await stage.read(transport, { cursor });
      await again.until((frames) => events({ frames }).length >= events(reader).length, "all of it again");
      expect(events(again)).toEqual(events(reader));
      const ids = events(again).map(({ data }) => data.message.id);
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    });

    test("TR-2: from a cursor comes exactly what was missed, then what is new", async () => {
      const room = await stage.room();
      const away = await stage.read(transport);
      await say(stage.ann, room, "seen");
      await stage.settle(away);
      const cursor = away.cursor();
      away.close();
      for (const i of range(1, 130)) await say(stage.ann, room, `missed ${i}`);
      const reader = await stage.read(transport, { cursor });
      await say(stage.ann, room, "new");
      await stage.settle(reader);
      expect(texts(reader, room)).toEqual([...range(1, 130).map((i) => `missed ${i}`), "new"]);
      expect(resyncs(reader)).toEqual([]);
    }, 20_000);

    test("TR-2: the cursor that a reader has in the middle of a backfill goes on there", async () => {
      const room = await stage.room();
      let cursor = await stage.now();
      for (const i of range(1, 200)) await say(stage.ann, room, `${i}`);
      const seen: (string | undefined)[] = [];
      for (let round = 1; seen.length < 200; round++) {
        const reader = await stage.read(transport, { cursor });
        const enough = Math.min(7 * round, 200 - seen.length);
        await reader.until((frames) => texts({ frames }, room).length >= enough, "a part of it");
        seen.push(...texts(reader, room));
        cursor = reader.cursor();
        reader.close();
      }
      expect(seen).toEqual(range(1, 200).map(String));
    }, 20_000);

    test("TR-2: without a cursor it begins now", async () => {
      const room = await stage.room();
      await say(stage.ann, room, "before");
      const reader = await stage.read(transport);
      await stage.settle(reader);
      expect(events(reader, streamOf(room))).toEqual([]);
    });
  });
}
