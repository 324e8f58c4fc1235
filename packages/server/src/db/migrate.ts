import { type Kysely, sql } from "kysely";
import { randomHex } from "../lib/ids.ts";
import { MIGRATIONS } from "./migrations/index.ts";

/** The database was written by a newer version; the message says so and what to do. */
export class MigrationRefused extends Error {
  override readonly name = "MigrationRefused";
}

/**
 * Applies what is missing, all in one transaction: after a crash either everything or nothing of it is there.
 * @returns the names applied now
 */
export async function migrate(db: Kysely<unknown>, now: number): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    const first = await prepare(trx);
    const done = await sql<{ name: string }>`select name from migrations order by name`.execute(trx);
    const names = new Set(done.rows.map((row) => row.name));
    for (const name of names) {
      if (!MIGRATIONS.some((migration) => migration.name === name)) {
        throw new MigrationRefused(
          `This database was written by a newer version of Parley (it has migration ${name}). Start that version, or restore a backup.`,
        );
      }
    }
    const applied: string[] = [];
    for (const migration of MIGRATIONS) {
      if (names.has(migration.name)) continue;
      await migration.up(trx, now);
      await sql`insert into migrations (name, applied_at) values (${migration.name}, ${now})`.execute(trx);
      applied.push(migration.name);
    }
    if (first) await sql`insert into meta (key, value) values ('epoch', ${randomHex(64)})`.execute(trx);
    return applied;
  });
}

/** Whether nothing is missing. A database that a newer version has changed counts as one that needs nothing. */
export async function isMigrated(db: Kysely<unknown>): Promise<boolean> {
  const tables = await db.introspection.getTables();
  if (!tables.some((table) => table.name === "migrations")) return false;
  const done = await sql<{ name: string }>`select name from migrations`.execute(db);
  const names = new Set(done.rows.map((row) => row.name));
  return MIGRATIONS.every(({ name }) => names.has(name));
}

/** Makes the two tables that exist before any migration. @returns whether the database is new */
async function prepare(trx: Kysely<unknown>): Promise<boolean> {
  const tables = await trx.introspection.getTables();
  if (tables.some((table) => table.name === "migrations")) return false;
  await trx.schema
    .createTable("migrations")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("applied_at", "bigint", (c) => c.notNull())
    .execute();
  await trx.schema
    .createTable("meta")
    .addColumn("key", "text", (c) => c.primaryKey())
    .addColumn("value", "text", (c) => c.notNull())
    .execute();
  return true;
}
