import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { writerDialect } from "../sqlite/dialect.ts";
import { foundation } from "./0001-foundation.ts";
import { logTime } from "./0004-log-time.ts";

const timeAfter = async (fill: (db: Kysely<unknown>) => Promise<unknown>) => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const db = new Kysely<unknown>({ dialect: writerDialect(join(folder, "parley.db")) });
  try {
    await foundation(db, 1);
    await fill(db);
    await logTime(db);
    return (await sql`select * from log`.execute(db)).rows;
  } finally {
    await db.destroy();
    rmSync(folder, { recursive: true });
  }
};

test("a log that was written before it kept its time goes on from its newest event", async () => {
  const events = sql`insert into events (pos, stream, seq, type, at)
    values (4, 'room:1', 1, 4, 900), (5, 'room:2', 1, 4, 700)`;
  const fill = async (db: Kysely<unknown>) => {
    await events.execute(db);
    await sql`update log set pos = 5`.execute(db);
  };
  expect(await timeAfter(fill)).toEqual([{ id: 1, pos: 5, at: 700 }]);
  expect(await timeAfter(async () => undefined)).toEqual([{ id: 1, pos: 0, at: 0 }]);
});
