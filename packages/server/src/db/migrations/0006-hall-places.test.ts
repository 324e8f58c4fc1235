import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { writerDialect } from "../sqlite/dialect.ts";
import { foundation } from "./0001-foundation.ts";
import { hallPlaces } from "./0006-hall-places.ts";

/** Messages of the hall: seq, number among those that make a red dot, time. */
const MESSAGES: readonly [number, number | null, number][] = [
  [1, 1, 100],
  [2, null, 150],
  [3, 2, 200],
  [5, 3, 300],
];

test("everybody has a place in the hall: what was said before their account was made is read, and stored places stay", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const db = new Kysely<unknown>({ dialect: writerDialect(join(folder, "parley.db")) });
  const run = (text: string) => sql.raw(text).execute(db);
  try {
    await foundation(db, 1);
    for (const [seq, no, at] of MESSAGES)
      await run(`insert into messages (id, room_id, seq, no, uid, type, body, sent_at)
        values (${seq}, 1, ${seq}, ${no}, 1, 1, '{}', ${at})`);
    await run(
      "insert into messages (id, room_id, seq, no, uid, type, body, sent_at) values (9, 2, 9, 9, 1, 1, '{}', 1)",
    );
    // Not in the order of their uids, and one of the same moment as a message, which then counts as unread.
    const made = { 20001: 250, 20002: 50, 20003: 200, 20004: 400, 20005: 400 };
    for (const [uid, at] of Object.entries(made))
      await run(`insert into users (uid, name, name_key, created_at, created_ip, updated_at, last_seen_at)
        values (${uid}, '${uid}', '${uid}', ${at}, '', ${at}, ${at})`);
    await run("insert into room_reads (uid, room_id, read_seq, read_no, read_at) values (20005, 1, 3, 2, 7)");
    await hallPlaces(db);
    const { rows } = await sql`select uid, read_seq, read_no from room_reads where room_id = 1 order by uid`.execute(
      db,
    );
    expect(rows).toEqual([
      { uid: 20001, read_seq: 3, read_no: 2 },
      { uid: 20002, read_seq: 0, read_no: 0 },
      { uid: 20003, read_seq: 1, read_no: 1 },
      { uid: 20004, read_seq: 5, read_no: 3 },
      { uid: 20005, read_seq: 3, read_no: 2 },
    ]);
  } finally {
    await db.destroy();
    rmSync(folder, { recursive: true });
  }
});
