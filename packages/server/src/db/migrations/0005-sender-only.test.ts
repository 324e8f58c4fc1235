import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { writerDialect } from "../sqlite/dialect.ts";
import { foundation } from "./0001-foundation.ts";
import { senderOnly } from "./0005-sender-only.ts";

test("earlier messages are for everybody, several may stand at one seq, and one index finds a room's by seq and by id", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const db = new Kysely<unknown>({ dialect: writerDialect(join(folder, "parley.db")) });
  const insert = (id: number, seq: number, more = "") =>
    sql.raw(`insert into messages (id, room_id, seq, uid, type, body, sent_at${more && ", sender_only"})
      values (${id}, 2, ${seq}, 9, 1, '{}', 5${more})`);
  try {
    await foundation(db, 1);
    await insert(4, 1).execute(db);
    await senderOnly(db);
    await insert(5, 1, ", 1").execute(db);
    await insert(6, 2).execute(db);
    expect((await sql`select id, sender_only as hidden from messages`.execute(db)).rows).toEqual([
      { id: 4, hidden: 0 },
      { id: 5, hidden: 1 },
      { id: 6, hidden: 0 },
    ]);
    const page = sql`explain query plan select * from messages where room_id = 2 and seq >= 1 and seq <= 2 and id < 6
      order by seq desc, id desc limit 3`;
    const plan = (await page.execute(db)).rows as { detail: string }[];
    expect(plan.map(({ detail }) => detail)).toEqual([
      "SEARCH messages USING INDEX messages_room_seq_id (room_id=? AND seq>? AND seq<?)",
    ]);
  } finally {
    await db.destroy();
    rmSync(folder, { recursive: true });
  }
});
