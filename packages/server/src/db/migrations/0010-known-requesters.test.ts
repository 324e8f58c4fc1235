import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { writerDialect } from "../sqlite/dialect.ts";
import { foundation } from "./0001-foundation.ts";
import { knownRequesters } from "./0010-known-requesters.ts";

/** More than one page of the migration's. */
const MORE = 600;

test("the addresses of the logins that there are, are known of their people", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const db = new Kysely<unknown>({ dialect: writerDialect(join(folder, "parley.db")) });
  const login = (db: Kysely<unknown>, uid: number, ip: string, at: number) =>
    sql`insert into logins (uid, token_hash, created_at, last_seen_at, expires_at, ip, user_agent, via)
      values (${uid}, ${`${uid} ${ip} ${at}`}, ${at}, ${at + 5}, 99, ${ip}, '', 'password')`.execute(db);
  try {
    await foundation(db, 1);
    // In one transaction, as a start runs it.
    await db.transaction().execute(async (tx) => {
      for (const uid of [20_000, ...Array.from({ length: MORE }, (_, n) => 30_000 + n)]) {
        await sql`insert into users (uid, name, name_key, avatar, power, created_at, created_ip, updated_at, last_seen_at)
          values (${uid}, '', ${uid}, '', 0, 1, '', 1, 1)`.execute(tx);
      }
      await login(tx, 20_000, "203.0.113.9", 7);
      await login(tx, 20_000, "203.0.113.9", 8);
      await login(tx, 20_000, "203.0.113.9", 6);
      await login(tx, 20_000, "2001:db8::7", 5);
      for (let n = 0; n < MORE; n++) await login(tx, 30_000 + n, "203.0.113.9", 9);
      await knownRequesters(tx);
    });
    const known = sql`select uid, mark, seen_at from known_requesters where uid = 20000 order by seen_at`;
    expect((await known.execute(db)).rows).toEqual([
      { uid: 20_000, mark: "2001:db8:0:0::/64", seen_at: 5 },
      { uid: 20_000, mark: "203.0.113.9", seen_at: 8 },
    ]);
    const all = sql<{ count: number }>`select count(*) as count from known_requesters where uid >= 30000`;
    expect((await all.execute(db)).rows).toEqual([{ count: MORE }]);
  } finally {
    await db.destroy();
    rmSync(folder, { recursive: true });
  }
});
