import { type Kysely, type QueryExecutorProvider, sql } from "kysely";
import { randomHex } from "../lib/ids.ts";
import { MIGRATIONS } from "./migrations/index.ts";
import { adapterOf } from "./own-adapter.ts";

/** The database is another program's, or was written by a newer version; the message says so and what to do. */
export class MigrationRefused extends Error {
  override readonly name = "MigrationRefused";
}

/**
 * Applies what is missing in one transaction: after a crash either all of it is there or nothing. A newer version's database is used as it is where
 * several servers share one, since what a newer version adds disturbs nobody (decision 45), and refused elsewhere.
 * @returns the names applied now
 */
export async function migrate(db: Kysely<unknown>, now: number): Promise<string[]> {
  return db.transaction().execute((trx) => migrateWithin(trx, now));
}

/** The same in a transaction that somebody else has begun. */
export async function migrateWithin(trx: Kysely<unknown>, now: number): Promise<string[]> {
  const known = await appliedTo(trx);
  if (!known) await makeFirstTables(trx);
  const names = known ?? new Set();
  const missing = MIGRATIONS.filter(({ name }) => !names.has(name));
  if (missing.length > 0 || adapterOf(trx).kind === "sqlite") refuseNewer(names);
  if (known && missing.length > 0) await adapterOf(trx).keepWritersOut(trx);
  for (const migration of missing) {
    await migration.up(trx, now);
    await sql`insert into migrations (name, applied_at) values (${migration.name}, ${now})`.execute(trx);
  }
  if (!known) await sql`insert into meta (key, value) values ('epoch', ${randomHex(64)})`.execute(trx);
  return missing.map(({ name }) => name);
}

function refuseNewer(names: ReadonlySet<string>): void {
  const [newer] = newerThanOurs(names);
  if (newer === undefined) return;
  throw new MigrationRefused(
    `This database was written by a newer version of Parley (it has migration ${newer}). Start that version, or restore a backup.`,
  );
}

function newerThanOurs(names: ReadonlySet<string>): string[] {
  return [...names].filter((name) => !MIGRATIONS.some((migration) => migration.name === name));
}

/** The steps by which a newer version has changed a database that this version uses too. */
export async function newerSteps(db: QueryExecutorProvider): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from migrations order by name`.execute(db);
  return newerThanOurs(new Set(rows.map(({ name }) => name)));
}

/** Whether nothing is missing. A database that a newer version has changed needs nothing. */
export async function isMigrated(db: Kysely<unknown>): Promise<boolean> {
  const names = await appliedTo(db);
  return MIGRATIONS.every(({ name }) => names?.has(name));
}

/**
 * Whether a database of ours has exactly the tables of this version; false for one of an earlier version, and for one that is new.
 * @throws MigrationRefused for a database of another program or of a newer version
 */
export async function isOfThisVersion(db: Kysely<unknown>): Promise<boolean> {
  const names = (await appliedTo(db)) ?? new Set();
  refuseNewer(names);
  return MIGRATIONS.every(({ name }) => names.has(name));
}

/** Whether this is a database of ours, or nothing yet. @throws MigrationRefused for a database of another program */
export async function isOurs(db: Kysely<unknown>): Promise<boolean> {
  return (await appliedTo(db)) !== undefined;
}

/** The names of what was applied to a database; undefined for one that is new. @throws MigrationRefused for another program's */
async function appliedTo(db: Kysely<unknown>): Promise<Set<string> | undefined> {
  // Views belong to extensions of PostgreSQL, such as pg_stat_statements, which an administrator may have installed.
  const tables = (await db.introspection.getTables()).filter(({ isView }) => !isView);
  if (tables.length === 0) return undefined;
  const hasOurs = ["migrations", "meta"].every((name) => tables.some((table) => table.name === name));
  const names = hasOurs
    ? await sql<{ name: string }>`select name from migrations order by name`.execute(db)
    : undefined;
  const applied = new Set(names?.rows.map(({ name }) => name));
  if (applied.has(MIGRATIONS[0].name)) return applied;
  throw new MigrationRefused(FOREIGN[adapterOf(db).kind]);
}

const FOREIGN = {
  sqlite: "parley.db was made by another program; DATA_DIR says where to look.",
  postgres:
    "The database of DATABASE_URL has tables of another program. Give Parley a database of its own: createdb NAME.",
};

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
