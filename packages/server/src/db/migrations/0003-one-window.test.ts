import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { writerDialect } from "../sqlite/dialect.ts";
import { foundation } from "./0001-foundation.ts";
import { byUser } from "./0002-by-user.ts";
import { oneWindow } from "./0003-one-window.ts";

/** `[from, to]` of each time outside. */
type Gaps = [number, number][];

interface Old {
  readonly uid: number;
  readonly fromSeq: number;
  readonly joined: number;
  readonly lastJoined: number;
  readonly left?: number;
  readonly gaps?: Gaps;
  readonly openedSeq?: number;
}

/** A seq of room 2 stands at this position; those up to 10 were removed. */
const posOf = (seq: number) => 100 + 3 * seq;
const TRIMMED = 10;

const MEMBERS: readonly Old[] = [
  { uid: 20001, fromSeq: 1, joined: 1, lastJoined: 1 },
  { uid: 20002, fromSeq: 12, joined: 12, lastJoined: 12, left: 20 },
  // They came back while the history was hidden: closed.
  { uid: 20003, fromSeq: 1, joined: 1, lastJoined: 30, gaps: [[21, 29]] },
  // They came back while it was shown: open.
  { uid: 20004, fromSeq: 1, joined: 1, lastJoined: 30, gaps: [[21, 29]], openedSeq: 30 },
  // The first time open, the second time closed.
  {
    uid: 20005,
    fromSeq: 1,
    joined: 1,
    lastJoined: 30,
    gaps: [
      [15, 18],
      [21, 29],
    ],
    openedSeq: 19,
  },
  // Nothing was logged while they were out the last time.
  { uid: 20006, fromSeq: 1, joined: 1, lastJoined: 30, gaps: [[15, 18]], openedSeq: 19 },
  // They came back and left again.
  { uid: 20007, fromSeq: 1, joined: 1, lastJoined: 30, left: 35, gaps: [[21, 29]], openedSeq: 30 },
  // Their leaving was removed from the log.
  { uid: 20008, fromSeq: 1, joined: 1, lastJoined: 30, gaps: [[6, 29]], openedSeq: 30 },
];

test("a membership of several times in a room keeps the last one, and history begins there where a gap was closed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const db = new Kysely<unknown>({ dialect: writerDialect(join(folder, "parley.db")) });
  try {
    await foundation(db, 1);
    await byUser(db);
    await fill(db);
    await oneWindow(db);
    const { rows } = await sql<
      Record<string, number | null>
    >`select uid, from_seq, joined_seq, joined_pos, before_seq, before_pos,
      left_seq, left_pos from members order by uid`.execute(db);
    const shape = rows.map((row) => [row.uid, row.from_seq, row.joined_seq, row.before_seq, row.left_seq] as unknown[]);
    expect(shape).toEqual([
      [20001, 1, 1, 0, null],
      [20002, 12, 12, 0, 20],
      [20003, 30, 30, 20, null],
      [20004, 1, 30, 20, null],
      [20005, 30, 30, 20, null],
      [20006, 1, 30, 29, null],
      [20007, 1, 30, 20, 35],
      [20008, 1, 30, 5, null],
    ]);
    for (const { joined_seq, joined_pos, before_seq, before_pos, left_seq, left_pos } of rows) {
      expect(joined_pos).toBe(posOf(joined_seq as number));
      const before = before_seq === 0 ? 0 : posOf(Math.max(before_seq as number, TRIMMED));
      expect([before_seq, before_pos]).toEqual([before_seq, before]);
      expect(left_pos).toBe(left_seq === null || left_seq === undefined ? null : posOf(left_seq));
    }
    const indexes = await sql<{ name: string }>`select name from sqlite_master where tbl_name = 'members'
      and type = 'index'`.execute(db);
    expect(indexes.rows.map(({ name }) => name)).toContain("members_windows");
  } finally {
    await db.destroy();
    rmSync(folder, { recursive: true });
  }
});

async function fill(db: Kysely<unknown>): Promise<void> {
  await sql`insert into rooms (id, type, name, created_at) values (2, 1, 'one', 1)`.execute(db);
  await sql`insert into streams (stream, seq, pos, first_seq, trimmed_pos)
    values ('room:2', 40, ${posOf(40)}, ${TRIMMED + 1}, ${posOf(TRIMMED)})`.execute(db);
  for (let seq = TRIMMED + 1; seq <= 40; seq++) {
    await sql`insert into events (pos, stream, seq, type, at) values (${posOf(seq)}, 'room:2', ${seq}, 4, 1)`.execute(
      db,
    );
  }
  for (const { uid, fromSeq, joined, lastJoined, left, gaps = [], openedSeq = 0 } of MEMBERS) {
    await sql`insert into users (uid, name, name_key, created_at, created_ip, updated_at, last_seen_at)
      values (${uid}, ${`n${uid}`}, ${`n${uid}`}, 1, '', 1, 1)`.execute(db);
    // The position of an earlier leaving stays in the row of somebody who has come back.
    const leftPos = left === undefined ? (lastJoined > joined ? 7 : null) : posOf(left);
    await sql`insert into members (room_id, uid, role, from_seq, joined_seq, joined_pos, last_joined_seq, last_joined_pos, joined_at,
      left_seq, left_pos, gaps, opened_seq) values (2, ${uid}, 3, ${fromSeq}, ${joined}, ${posOf(joined)}, ${lastJoined},
      ${posOf(lastJoined)}, 1, ${left ?? null}, ${leftPos}, ${JSON.stringify(gaps)}, ${openedSeq})`.execute(db);
  }
}
