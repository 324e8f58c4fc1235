import { existsSync } from "node:fs";
import { join } from "node:path";
import { Kysely } from "kysely";
import { type Clock, systemClock } from "../lib/clock.ts";
import { DataDirUnusable, makeDataDir, privateFile } from "./data-dir.ts";
import { isNoDatabase, readerDialect, writerDialect } from "./dialect.ts";
import { lockDataDir } from "./lock.ts";
import { isMigrated, migrate } from "./migrate.ts";
import type { ProcedureTable } from "./procedures.ts";
import type { Schema } from "./schema.ts";
import { DatabaseRunner, GroupWriter, type Writes } from "./writer.ts";

/**
 * The database: who opens it, and how. Readers are connections of this thread that cannot write; the writer is one
 * connection, in a thread of its own in the server (`threaded-runner.ts`) and in this thread for commands and unit
 * tests. Knows nothing of what is stored: features write their own queries, on `schema.ts`.
 */
export const DATABASE_FILE = "parley.db";

/** Read transactions that may be open at once; each is a connection with its own page cache. */
const READERS = 4;

/** Read-only; a `transaction()` on it is a snapshot. */
export type ReadDatabase = Kysely<Schema>;

/** A command that only works on data found none; the message says what to do. */
export class DatabaseMissing extends Error {
  override readonly name = "DatabaseMissing";
}

/** The path of a database that is there. @throws DatabaseMissing */
export function existingDatabase(dataDir: string): string {
  const path = join(dataDir, DATABASE_FILE);
  if (existsSync(path)) return path;
  throw new DatabaseMissing(
    `There is no database in ${dataDir}. Start the server there once, or run parley migrate; DATA_DIR says where.`,
  );
}

/**
 * Makes the folder and the file, readable by their owner alone, brings the schema up to date and returns the file's path.
 * @throws MigrationRefused, DataDirUnusable
 */
export async function prepareDatabase(dataDir: string, now: number): Promise<string> {
  makeDataDir(dataDir);
  const path = privateFile(dataDir, DATABASE_FILE);
  const db = new Kysely<unknown>({ dialect: writerDialect(path) });
  try {
    await migrate(db, now);
  } catch (error) {
    if (!isNoDatabase(error)) throw error;
    throw new DataDirUnusable(`${DATABASE_FILE} in ${dataDir} is not a database; DATA_DIR says where to look.`);
  } finally {
    await db.destroy();
  }
  return path;
}

/**
 * The same for a command beside which a server may be running. It changes the schema only while no server uses the folder, since an
 * older one that is running would fail at its next statement.
 * @throws DataDirLocked, MigrationRefused, DataDirUnusable
 */
export async function prepareDatabaseForCommand(dataDir: string, now: number): Promise<string> {
  const path = join(dataDir, DATABASE_FILE);
  if (existsSync(path) && (await isUpToDate(path))) return prepareDatabase(dataDir, now);
  const unlock = lockDataDir(dataDir);
  try {
    return await prepareDatabase(dataDir, now);
  } finally {
    unlock();
  }
}

/** False also for a file that is no database: preparing it says so. */
async function isUpToDate(path: string): Promise<boolean> {
  const db = new Kysely<unknown>({ dialect: readerDialect(path, 1) });
  try {
    return await isMigrated(db);
  } catch (error) {
    if (isNoDatabase(error)) return false;
    throw error;
  } finally {
    await db.destroy();
  }
}

export function openReader(path: string): ReadDatabase {
  return new Kysely<Schema>({ dialect: readerDialect(path, READERS) });
}

/** The one writing connection, in the calling thread. */
export function openWriter(path: string, { table, clock = systemClock }: WriterParts): DatabaseRunner {
  return new DatabaseRunner({ db: new Kysely<Schema>({ dialect: writerDialect(path) }), table, clock });
}

/** Writes from the calling thread, for commands: nobody listens in their process, and a running server follows the log. */
export function openWrites(path: string, parts: WriterParts): Writes {
  return new GroupWriter(openWriter(path, parts), parts.table);
}

export interface WriterParts {
  readonly table: ProcedureTable;
  readonly clock?: Clock;
}
