import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { ChangeType, Push } from "@parley/protocol";
import { say } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import type { Reader } from "./reader.ts";
import { events, resyncs, Stage, streamOf, textOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
// The server keeps one reader for all polls of a login: a second one makes the first start anew.
afterEach(() => stage.closeReaders());
afterAll(() => stage.close());

/** What they got on a room's stream: texts, and `joined`, `left` or `dissolved`. */
function story(reader: Reader, room: number): (string | undefined)[] {
  const resynced = resyncs(reader).flatMap(({ stream, why }) => (stream === streamOf(room) ? [why] : []));
  return [...resynced, ...events(reader, streamOf(room)).map(told)];
}

function told(frame: SeenFrame): string | undefined {
  if (frame.type === Push.ROOM) return frame.data.dissolved ? "dissolved" : "changed";
  if (frame.type === Push.MEMBER_CHANGE) return frame.data.changeType === ChangeType.joined ? "joined" : "left";
  return textOf(frame);
}

const path = (room: number) => `/rooms/${room}/members`;
const join = (room: number) => stage.ann.api.ok("POST", path(room), { memberIds: [stage.ben.uid] });
const kick = (room: number) => stage.ann.api.ok("DELETE", `${path(room)}/${stage.ben.uid}`);
const leave = (room: number) => stage.ben.api.ok("DELETE", `${path(room)}/${stage.ben.uid}`);
const dissolve = (room: number) => stage.ann.api.ok("DELETE", `/rooms/${room}`);

/** What happens to ben in a room that ann owns, and what ben hears of it. */
const STORIES: readonly Story[] = [
  { title: "a newcomer hears it from their joining on", member: false, act: join, hears: ["joined", "after"] },
  { title: "somebody removed hears that and nothing after", member: true, act: kick, hears: ["before", "left"] },
  { title: "somebody who leaves hears that and nothing after", member: true, act: leave, hears: ["before", "left"] },
  { title: "a dissolved room says so last", member: true, act: dissolve, hears: ["before", "dissolved"] },
  {
    title: "somebody who leaves and returns does not hear what was said between",
    member: true,
    act: async (room) => {
      await kick(room);
      await say(stage.ann, room, "between");
      await join(room);
    },
    hears: ["before", "left", "joined", "after"],
    hearsAfterwards: ["rejoined", "joined", "after"],
  },
];

interface Story {
  readonly title: string;
  readonly member: boolean;
  readonly act: (room: number) => Promise<unknown>;
  readonly hears: string[];
  /** The cases in which a reader who was away hears something different from one who was there. */
  readonly hearsAfterwards?: string[];
}

for (const transport of TRANSPORTS) {
  for (const { title, member, act, hears, hearsAfterwards = hears } of STORIES) {
    const run = async () => {
      const room = await stage.room(member ? [stage.ben] : []);
      return {
        room,
        play: async () => {
          await say(stage.ann, room, "before");
          await act(room);
          await say(stage.ann, room, "after").catch(() => undefined);
        },
      };
    };

    test(`TR-3: ${transport.name}, live: ${title}`, async () => {
      const { room, play } = await run();
      const reader = await stage.read(transport);
      // A poll's reader is kept from the first poll that has a cursor.
      await stage.settle(reader);
      await play();
      await stage.settle(reader);
      expect(story(reader, room)).toEqual(hears);
    });

    test(`TR-3: ${transport.name}, away: ${title}`, async () => {
      const { room, play } = await run();
      const cursor = await stage.now();
      await play();
      const reader = await stage.read(transport, { cursor });
      await stage.settle(reader);
      expect(story(reader, room)).toEqual(hearsAfterwards);
      const again = await stage.read(transport, { cursor: reader.cursor() });
      await stage.settle(again);
      expect(story(again, room)).toEqual([]);
    });
  }

  describe(transport.name, () => {
    test("TR-3: somebody who joined and left twice and joined again while they were away hears the last time only, and is told so", async () => {
      const room = await stage.room([]);
      const cursor = await stage.now();
      await say(stage.ann, room, "before");
      for (const time of ["first", "second"]) {
        await join(room);
        await say(stage.ann, room, time);
        await kick(room);
        await say(stage.ann, room, "between");
      }
      await join(room);
      const reader = await stage.read(transport, { cursor });
      await stage.settle(reader);
      expect(story(reader, room)).toEqual(["rejoined", "joined"]);
      const joined = events(reader, streamOf(room))[0]?.seq as number;
      expect(resyncs(reader)).toEqual([{ stream: streamOf(room), seq: joined - 1, why: "rejoined" }]);
    });

    test('TR-4: in a room with history "joined" nothing comes from before the joining, whatever the cursor says', async () => {
      const room = await stage.room([]);
      await stage.ann.api.ok("PATCH", `/rooms/${room}`, { history: "joined" });
      const early = await stage.now();
      await say(stage.ann, room, "secret");
      await join(room);
      await say(stage.ann, room, "open");
      for (const cursor of [early, `${early},${streamOf(room)}@0`, `${early},${streamOf(room)}@1`]) {
        const reader = await stage.read(transport, { cursor });
        await stage.settle(reader);
        expect(story(reader, room)).toEqual(["joined", "open"]);
        reader.close();
      }
    });
  });
}
