import { type Kysely, sql } from "kysely";
import { randomHex } from "../lib/ids.ts";
import { MIGRATIONS } from "./migrations/index.ts";

/** The database is another program's, or was written by a newer version; the message says so and what to do. */
export class MigrationRefused extends Error {
  override readonly name = "MigrationRefused";
}

/**
 * Applies what is missing in one transaction: after a crash either all of it is there or nothing.
 * @returns the names applied now
 */
export async function migrate(db: Kysely<unknown>, now: number): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    const known = await appliedTo(trx);
    if (!known) await makeFirstTables(trx);
    const names = known ?? new Set();
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
    if (!known) await sql`insert into meta (key, value) values ('epoch', ${randomHex(64)})`.execute(trx);
    return applied;
  });
}

/** Whether nothing is missing. A database that a newer version has changed needs nothing. */
export async function isMigrated(db: Kysely<unknown>): Promise<boolean> {
  const names = await appliedTo(db);
  return MIGRATIONS.every(({ name }) => names?.has(name));
}

/** Whether this is a database of ours, or nothing yet. @throws MigrationRefused for a database of another program */
export async function isOurs(db: Kysely<unknown>): Promise<boolean> {
  return (await appliedTo(db)) !== undefined;
}

/** The names of what was applied to a database; undefined for one that is new. @throws MigrationRefused for another program's */
async function appliedTo(db: Kysely<unknown>): Promise<Set<string> | undefined> {
  const tables = await db.introspection.getTables();
  if (tables.length === 0) return undefined;
  const hasOurs = ["migrations", "meta"].every((name) => tables.some((table) => table.name === name));
  const names = hasOurs
    ? await sql<{ name: string }>`select name from migrations order by name`.execute(db)
    : undefined;
  const applied = new Set(names?.rows.map(({ name }) => name));
  if (applied.has(MIGRATIONS[0].name)) return applied;
  throw new MigrationRefused("parley.db was made by another program; DATA_DIR says where to look.");
}

/** Makes the two tables that exist before any migration. */
async function makeFirstTables(trx: Kysely<unknown>): Promise<void> {
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
}
