import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ChangeType, Push, parseCursor } from "@parley/protocol";
import type { KyselyPlugin } from "kysely";
import { openReader } from "../src/db/open.ts";
import { Announcer, type NamingEvent } from "../src/event-log/announce.ts";
import { LogReader } from "../src/event-log/log-reader.ts";
import { Outbox } from "../src/event-log/outbox.ts";
import type { ReaderAsk } from "../src/event-log/read-window.ts";
import { Tail } from "../src/event-log/tail.ts";
import { eventDataOf } from "../src/event-texts.ts";
import { systemClock } from "../src/lib/clock.ts";
import { ReaderStarts } from "../src/reader-starts.ts";
import { openScratch, type Scratch } from "./scratch-database.ts";
import { type RawDatabase, withRaw } from "./test-database.ts";

const UID = 20_000;
const ME = `user:${UID}`;
const HALL = { access: "members", send: "everyone" } as const;

/** Each room has the joining, every second one has a leaving, and each has two events that the reader has not seen. */
class Rooms {
  readonly first = 10_000;
  /** The position of the newest event that the reader has. */
  floor = 0;

  private constructor(
    readonly scratch: Scratch,
    readonly count: number,
  ) {}

  static async make(count: number): Promise<Rooms> {
    const rooms = new Rooms(await openScratch(), count);
    await withRaw(rooms.scratch.place, (raw) => rooms.#fill(raw));
    return rooms;
  }

  async #fill({ rows, insert }: RawDatabase): Promise<void> {
    const ids = Array.from({ length: this.count }, (_, i) => this.first + i);
    const events: (number | string)[][] = [];
    const log = (stream: string, seq: number, type: number, data: object) =>
      events.push([events.length + 1, stream, seq, type, JSON.stringify(data), 1]);
    const members: number[][] = [];
    for (const [i, roomId] of ids.entries()) {
      const joined = { roomId, uid: UID, changeType: ChangeType.joined };
      members.push([roomId, UID, 3, 1, 1, log(`room:${roomId}`, 1, Push.MEMBER_CHANGE, joined), 1]);
      log(ME, i + 1, Push.MEMBER_CHANGE, { ...joined, seq: 1 });
    }
    this.floor = events.length;
    for (const seq of [2, 3]) for (const roomId of ids) log(`room:${roomId}`, seq, Push.ROOM, { roomId, notice: "n" });
    await rows(`insert into users (uid, name, name_key, created_at, created_ip, updated_at, last_seen_at)
      values (${UID}, 'a', 'a', 1, '', 1, 1)`);
    const some = ids.map((id) => [id, 1, "r", 1]);
    await insert("rooms", ["id", "type", "name", "created_at"], some);
    const columns = ["room_id", "uid", "role", "from_seq", "joined_seq", "joined_pos", "joined_at"];
    await insert("members", columns, members);
    await insert("events", ["pos", "stream", "seq", "type", "data", "at"], events);
    // The account has this row from its beginning.
    await rows(`insert into room_reads (uid, room_id, read_seq, read_no, read_at) values (${UID}, 1, 0, 0, 1)`);
    await rows(
      `insert into streams (stream, seq, pos, first_seq) select stream, max(seq), max(pos), 1 from events group by stream`,
    );
    await rows("update log set pos = ?", events.length);
  }

  /** The statements of a start on a node with nothing in memory, including the red dots, and the result. */
  async start(entries: string): Promise<{ statements: number; resyncs: string[]; frames: number }> {
    let statements = 0;
    const { epoch, place } = this.scratch;
    const counting: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        statements += 1;
        return result;
      },
    };
    const db = openReader(place).withPlugin(counting);
    try {
      const reader = new LogReader(db);
      const position = await reader.end();
      const tail = new Tail(reader, { position, maxBytes: 100_000_000 });
      const dataOf = (events: readonly NamingEvent[]) => eventDataOf({ db, clock: systemClock }, events);
      const announcer = new Announcer({ reader, eventDataOf: dataOf, position }, (event) => tail.append(event));
      const starts = new ReaderStarts({ db, epoch, clock: systemClock, hall: HALL });
      const parts = {
        tail,
        epoch,
        eventDataOf: dataOf,
        whenAnnounced: (pos: number) => announcer.whenAnnounced(pos),
        assertHolds: () => announcer.assertHolds(),
        readWindows: (reader: ReaderAsk) => starts.windowsOf(reader),
      };
      const outbox = new Outbox(parts, UID);
      statements = 0;
      const opened = outbox.open(parseCursor(`${epoch};${entries}`), 100_000);
      // In the same turn, as a connection asks.
      const [resyncs] = await Promise.all([opened, starts.redDotOf(UID)]);
      const counted = statements;
      let frames = 0;
      for (;;) {
        const rest = outbox.cutOver();
        const read: string[] = rest ?? (await outbox.next(1000));
        frames += read.length;
        if (rest) return { statements: counted, resyncs, frames };
      }
    } finally {
      await db.destroy();
    }
  }
}

const STARTS: readonly { from: string; entries: (rooms: Rooms) => string; missed: (count: number) => number }[] = [
  { from: "a floor", entries: ({ floor }) => `*@${floor}`, missed: (count) => 2 * count },
  {
    from: "a floor in the middle of what they missed",
    entries: ({ floor, count }) => `*@${floor + Math.ceil(count / 2)}`,
    missed: (count) => 2 * count - Math.ceil(count / 2),
  },
  {
    from: "a floor and a name",
    entries: ({ floor, first }) => `*@${floor},room:${first}@2`,
    missed: (count) => 2 * count - 1,
  },
  { from: "their own stream alone", entries: () => `${ME}@0`, missed: (count) => 4 * count },
  { from: "the log's end", entries: ({ count }) => `*@${4 * count}`, missed: () => 0 },
];

describe.each([1, 500, 5000])("somebody in %d rooms", (count) => {
  let rooms: Rooms;
  beforeAll(async () => {
    rooms = await Rooms.make(count);
  }, 30_000);
  afterAll(() => rooms.scratch.close());

  for (const { from, entries, missed } of STARTS) {
    test(`TR-11: starts with at most 10 statements, from ${from}`, async () => {
      const { statements, resyncs, frames } = await rooms.start(entries(rooms));
      expect(resyncs).toEqual([]);
      expect(frames).toBe(missed(count));
      expect(statements).toBeGreaterThan(3);
      expect(statements).toBeLessThanOrEqual(10);
    }, 20_000);
  }
});
