import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { writerDialect } from "../sqlite/dialect.ts";
import { foundation } from "./0001-foundation.ts";
import { byUser } from "./0002-by-user.ts";

test("a database of the first version keeps its rows, and what is read of a user comes from one place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const path = join(folder, "parley.db");
  const db = new Kysely<unknown>({ dialect: writerDialect(path) });
  try {
    await asFirstVersion(db);
    const before = await contents(db);
    await byUser(db);
    expect(await contents(db)).toEqual(before);
    expect(before.reads).toHaveLength(3);
    await expect(sql`insert into room_reads values (20001, 99999, 1, 1, 1)`.execute(db)).rejects.toThrow("FOREIGN KEY");
  } finally {
    await db.destroy();
  }
  const file = new Database(path, { readonly: true });
  try {
    const plan = (query: string) =>
      file
        .query<{ detail: string }, []>(`explain query plan ${query}`)
        .all()
        .map(({ detail }) => detail);
    expect(plan("select room_id, from_seq, left_seq, gaps from members where uid = 20001")).toEqual([
      "SEARCH members USING COVERING INDEX members_windows (uid=?)",
    ]);
    expect(plan("select read_no from room_reads where uid = 20001 and room_id = 2")).toEqual([
      "SEARCH room_reads USING PRIMARY KEY (uid=? AND room_id=?)",
    ]);
    expect(plan("select seq from streams where stream = 'room:2'")).toEqual([
      "SEARCH streams USING PRIMARY KEY (stream=?)",
    ]);
    expect(file.query("pragma foreign_key_check").all()).toEqual([]);
  } finally {
    file.close();
    rmSync(folder, { recursive: true });
  }
});

async function asFirstVersion(db: Kysely<unknown>): Promise<void> {
  await sql`create table migrations (name text primary key, applied_at bigint not null)`.execute(db);
  await sql`create table meta (key text primary key, value text not null)`.execute(db);
  await foundation(db, 1);
  await sql`insert into migrations values ('0001-foundation', 1)`.execute(db);
  await sql`insert into users (uid, name, name_key, created_at, created_ip, updated_at, last_seen_at)
    values (20001, 'Ann', 'ann', 1, '', 1, 1), (20002, 'Ben', 'ben', 1, '', 1, 1)`.execute(db);
  await sql`insert into rooms (id, type, name, created_at) values (2, 1, 'one', 1), (3, 1, 'two', 1)`.execute(db);
  await sql`insert into members (room_id, uid, role, from_seq, joined_seq, joined_pos, last_joined_seq, last_joined_pos, joined_at)
    values (2, 20001, 1, 1, 1, 5, 1, 5, 1), (2, 20002, 3, 1, 1, 5, 1, 5, 1), (3, 20001, 1, 1, 1, 6, 1, 6, 1)`.execute(
    db,
  );
  await sql`insert into room_reads (uid, room_id, read_seq, read_no, read_at)
    values (20002, 2, 7, 6, 9), (20001, 3, 1, 0, 1), (20001, 2, 5, 4, 8)`.execute(db);
  await sql`insert into streams (stream, seq, pos, first_seq, trimmed_pos)
    values ('room:3', 9, 44, 3, 12), ('user:20001', 2, 6, 1, 0), ('room:2', 7, 45, 1, 0)`.execute(db);
}

async function contents(db: Kysely<unknown>) {
  const rows = async (query: ReturnType<typeof sql>) => (await query.execute(db)).rows;
  return {
    members: await rows(sql`select * from members order by room_id, uid`),
    reads: await rows(sql`select * from room_reads order by uid, room_id`),
    streams: await rows(sql`select * from streams order by stream`),
  };
}
