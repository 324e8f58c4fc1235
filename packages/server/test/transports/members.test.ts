import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MUTED_FOR_GOOD, Push } from "@parley/protocol";
import { events, Stage, streamOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("IM-90, IM-94, TR-1, TR-2: live and away alike, a mute is told in the room, and own settings to their person alone", async () => {
      const room = await stage.room();
      const cursor = await stage.now();
      const live = await stage.read(transport);
      const others = await stage.read(transport, undefined, stage.ann);
      await stage.ann.api.ok("PUT", `/rooms/${room}/members/${stage.ben.uid}/mute`, { until: null });
      await stage.ben.api.ok("PATCH", `/rooms/${room}/settings`, { muted: true, pinned: true });
      await stage.ann.api.ok("DELETE", `/rooms/${room}/members/${stage.ben.uid}/mute`);
      await Promise.all([stage.settle(live), stage.settle(others)]);
      const late = await stage.read(transport, { cursor });
      await stage.settle(late);
      const mutes = [MUTED_FOR_GOOD, null].map((mutedUntil) => ({ roomId: room, uid: stage.ben.uid, mutedUntil }));
      for (const reader of [live, late, others]) {
        const told = events(reader, streamOf(room)).filter(({ type }) => type === Push.MEMBER_UPDATE);
        expect(told.map(({ data }) => data)).toEqual(mutes);
      }
      const self = (reader: typeof live) =>
        reader.frames.filter(({ type, data }) => type === Push.SELF && data.roomId === room).map(({ data }) => data);
      expect([self(live), self(late)]).toEqual(Array(2).fill([{ roomId: room, pinned: true, muted: true }]));
      expect(self(others)).toEqual([]);
    });
  });
}
