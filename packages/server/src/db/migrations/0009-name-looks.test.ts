import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { nameLooks as looksNow } from "../../identity/names.ts";
import { writerDialect } from "../sqlite/dialect.ts";
import { foundation } from "./0001-foundation.ts";
import { nameLooks } from "./0009-name-looks.ts";

/** The second looks like the first, the third is gone, and all have names that the rules of their day allowed. */
const PEOPLE = [
  { uid: 20_000, name: "Ada", key: "ada", deleted: null },
  { uid: 20_001, name: "\u0410d\u0430", key: "\u0430d\u0430", deleted: null },
  { uid: 20_002, name: "Deleted user", key: "DELETED 20002", deleted: 5 },
  { uid: 20_003, name: "Deleted user", key: "deleted user", deleted: null },
];
/** More than one page of the migration's. */
const MORE = 600;

test("everybody's name has its looks, and people whose names look alike keep them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const db = new Kysely<unknown>({ dialect: writerDialect(join(folder, "parley.db")) });
  try {
    await foundation(db, 1);
    const more = Array.from({ length: MORE }, (_, n) => ({
      ...{ uid: 30_000 + n, name: `Person ${n}`, key: `person ${n}`, deleted: null },
    }));
    // In one transaction, as a start runs it.
    await db.transaction().execute(async (tx) => {
      for (const { uid, name, key, deleted } of [...PEOPLE, ...more]) {
        await sql`insert into users (uid, name, name_key, avatar, power, created_at, created_ip, updated_at, last_seen_at, deleted_at)
          values (${uid}, ${name}, ${key}, '', 0, 1, '', 1, 1, ${deleted})`.execute(tx);
      }
      await nameLooks(tx);
    });
    const { rows } = await sql<{ uid: number; look: string }>`select uid, look from name_looks`.execute(db);
    const looks = Map.groupBy(rows, ({ uid }) => uid);
    const of = (uid: number) =>
      looks
        .get(uid)
        ?.map(({ look }) => look)
        .sort();
    for (const { uid, name, deleted } of [{ uid: 1, name: "System", deleted: null }, ...PEOPLE, ...more]) {
      expect(of(uid)).toEqual(deleted === null ? looksNow(name).sort() : undefined);
    }
    expect(of(20_001)?.filter((look) => of(20_000)?.includes(look))).not.toEqual([]);
  } finally {
    await db.destroy();
    rmSync(folder, { recursive: true });
  }
});
