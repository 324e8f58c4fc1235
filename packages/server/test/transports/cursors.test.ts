import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { say } from "../harness.ts";
import { Refused, type Transport } from "./reader.ts";
import { events, range, resyncs, Stage, streamOf, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  // This lets a cursor of 64 KiB fit into a frame.
  stage = await Stage.open({ MAX_FRAME_BYTES: "131072" });
}, 30_000);
afterAll(() => stage.close());

const epochOf = (cursor: string) => cursor.slice(0, cursor.indexOf(";"));

/** The code with which a cursor is refused: in an answer, or, without one, in ERROR. */
async function codeFor(transport: Transport, cursor: string): Promise<string> {
  try {
    const reader = await stage.read(transport, { cursor });
    const error = await reader.until((frames) => frames.find(({ type }) => type === Push.ERROR), "ERROR");
    await reader.until((frames) => frames.some(({ type, data }) => type === Push.CURSOR && data.live), "to be live");
    return error.data.code;
  } catch (error) {
    if (error instanceof Refused && error.status < 500) return error.code;
    throw error;
  }
}

let many: Promise<{ ids: number[]; cursor: string }> | undefined;

/** More rooms than RESYNC names one by one, two messages in each, and the cursor before them. */
function crowd(): Promise<{ ids: number[]; cursor: string }> {
  many ??= (async () => {
    const ids = await stage.rooms(105);
    const cursor = await stage.now();
    for (const text of ["one", "two"]) await Promise.all(ids.map((id) => say(stage.ann, id, text)));
    return { ids, cursor };
  })();
  return many;
}

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("TR-6: another epoch: RESYNC for everything, and its cursor goes on", async () => {
      const room = await stage.room();
      await say(stage.ann, room, "before");
      const reader = await stage.read(transport, { cursor: "0123456789abcdef;*@1" });
      await reader.until((frames) => resyncs({ frames }).length > 0, "RESYNC");
      await say(stage.ann, room, "after");
      await stage.settle(reader);
      const [resync] = resyncs(reader);
      expect(resync).toEqual({ stream: "*", cursor: expect.any(String), why: "epoch" });
      expect(texts(reader, room)).toEqual(["after"]);
      const again = await stage.read(transport, { cursor: resync.cursor });
      await stage.settle(again);
      expect(texts(again, room)).toEqual(["after"]);
    });

    test("TR-6: ahead of the log: RESYNC for everything, or for one stream", async () => {
      const room = await stage.room();
      const now = await stage.now();
      const all = await stage.read(transport, { cursor: `${epochOf(now)};*@90000000` });
      const one = await stage.read(transport, { cursor: `${now},${streamOf(room)}@99` });
      await Promise.all([all, one].map((reader) => reader.until((frames) => resyncs({ frames })[0], "RESYNC")));
      await say(stage.ann, room, "after");
      await Promise.all([stage.settle(all), stage.settle(one)]);
      expect(resyncs(all)).toEqual([{ stream: "*", cursor: expect.stringContaining(epochOf(now)), why: "ahead" }]);
      expect(resyncs(one)).toEqual([{ stream: streamOf(room), seq: 1, why: "ahead" }]);
      expect([texts(all, room), texts(one, room)]).toEqual([["after"], ["after"]]);
    });

    test("TR-6: too far behind: RESYNC for the furthest first, replay for the rest; `max` moves the bound", async () => {
      const [long, short] = [await stage.room(), await stage.room()];
      const cursor = await stage.now();
      for (const i of range(1, 8)) await say(stage.ann, long, `${i}`);
      for (const i of range(1, 4)) await say(stage.ann, short, `${i}`);
      const few = await stage.read(transport, { cursor, max: 9 });
      const fewer = await stage.read(transport, { cursor, max: 3 });
      // A WebSocket has only asked by then, and may find the ends of the cases below among what it missed.
      const all = await stage.read(transport, { cursor, max: 20 });
      for (const reader of [few, fewer, all]) await stage.settle(reader);
      expect(resyncs(few)).toEqual([{ stream: streamOf(long), seq: 9, why: "far" }]);
      expect(texts(few, short)).toEqual(["1", "2", "3", "4"]);
      expect(resyncs(fewer).map(({ stream }) => stream)).toEqual([streamOf(long), streamOf(short)]);
      expect([resyncs(all), texts(all, long).length]).toEqual([[], 8]);
      const next = await stage.read(transport, { cursor: fewer.cursor(), max: 3 });
      await stage.settle(next);
      expect(resyncs(next)).toEqual([]);
    });

    test("TR-6: more than 1 000 events behind in one stream are too many, unless more are asked for", async () => {
      const room = await stage.room();
      const cursor = await stage.now();
      for (let i = 0; i < 1001; i += 91) await Promise.all(range(1, 91).map((j) => say(stage.ann, room, `${i + j}`)));
      const reader = await stage.read(transport, { cursor });
      const patient = await stage.read(transport, { cursor, max: 2000 });
      await Promise.all([stage.settle(reader), stage.settle(patient)]);
      expect(resyncs(reader)).toEqual([{ stream: streamOf(room), seq: 1002, why: "far" }]);
      expect([resyncs(patient), texts(patient, room).length]).toEqual([[], 1001]);
    });

    test("TR-6: too far behind in more rooms than are named one by one: RESYNC for everything, and what is new", async () => {
      const rooms = await crowd();
      const reader = await stage.read(transport, { cursor: rooms.cursor, max: 4 });
      await reader.until((frames) => resyncs({ frames }).length > 0, "RESYNC");
      await say(stage.ann, rooms.ids[0] as number, "after");
      await stage.settle(reader);
      expect(resyncs(reader)).toEqual([{ stream: "*", cursor: expect.any(String), why: "far" }]);
      expect(events(reader).map(({ stream }) => stream)).toEqual([rooms.ids[0] as number, stage.lobby].map(streamOf));
      expect(reader.cursor().length).toBeLessThan(4096);
    });

    test("TR-7: a malformed cursor, or one of more than 64 KiB, is refused with `cursor_malformed`", async () => {
      const { length } = "room:9000000@1,";
      const long = (bytes: number) =>
        `0123456789abcdef;${range(0, Math.floor(bytes / length))
          .map((i) => `room:${9_000_000 + i}@1`)
          .join(",")}`;
      for (const cursor of ["", "rubbish", "0123456789abcdef", "0123456789abcdef;*@x", "0123456789abcdef;*@1,*@2"])
        expect([cursor, await codeFor(transport, cursor)]).toEqual([cursor, "cursor_malformed"]);
      const tooLong = long(65_536 + 100);
      // An address has 16 KiB at most, which the runtime refuses by itself.
      const refused = ["cursor_malformed", ...(transport.name === "sse" ? [""] : [])];
      expect(refused).toContain(await codeFor(transport, tooLong));
      const now = await stage.now();
      const fits = long((transport.name === "sse" ? 4000 : 65_536) - 200);
      const reader = await stage.read(transport, { cursor: fits.replace(/^[^;]*;/, `${now},`) });
      await stage.settle(reader);
      expect(resyncs(reader)).toEqual([]);
    });

    test("TR-8: streams that the reader may not read are ignored, and dropped from the next cursor", async () => {
      const foreign = await stage.room([]);
      const left = await stage.room();
      await say(stage.ann, left, "had");
      await stage.ann.api.ok("DELETE", `/rooms/${left}/members/${stage.ben.uid}`);
      await say(stage.ann, foreign, "not ben's");
      const named = [`${streamOf(foreign)}@0`, `user:${stage.ann.uid}@0`, `${streamOf(left)}@3`, "room:987654321@5"];
      const reader = await stage.read(transport, { cursor: `${await stage.now()},${named.join(",")}` });
      await say(stage.ann, foreign, "not ben's either");
      await say(stage.ann, left, "not ben's any more");
      await stage.settle(reader);
      expect(events(reader).map(({ stream }) => stream)).toEqual([streamOf(stage.lobby)]);
      expect(resyncs(reader)).toEqual([]);
      const next = await stage.read(transport, { cursor: await stage.now() });
      await stage.settle(next);
      for (const stream of [foreign, left].map(streamOf)) expect(next.cursor()).not.toContain(stream);
    });
  });
}
