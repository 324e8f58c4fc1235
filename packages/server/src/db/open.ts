import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Kysely } from "kysely";
import { type Clock, systemClock } from "../lib/clock.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { DataDirUnusable, makeDataDir, privateFile } from "./data-dir.ts";
import { fileFault, readerDialect, writerDialect } from "./dialect.ts";
import { lockDataDir } from "./lock.ts";
import { isMigrated, isOurs, migrate } from "./migrate.ts";
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

/**
 * The path of a database of ours that is there.
 * @throws DatabaseMissing, DataDirUnusable, MigrationRefused for another program's database
 */
export async function existingDatabase(dataDir: string): Promise<string> {
  const path = join(dataDir, DATABASE_FILE);
  if (existsSync(path) && (await reading(dataDir, isOurs))) return path;
  throw new DatabaseMissing(
    `There is no database in ${dataDir}. Start the server there once, or run parley migrate; DATA_DIR says where.`,
  );
}

/** What to throw in place of an error of opening or first reading a database: where the file is what is wrong, it says so. */
export function explainedFault(dataDir: string, error: unknown): unknown {
  const fault = fileFault(error);
  return fault === undefined ? error : new DataDirUnusable(`${DATABASE_FILE} in ${dataDir} ${fault}`, { cause: error });
}

/**
 * Makes the folder and the file, readable by their owner alone, brings the schema up to date and returns the file's path.
 * @throws MigrationRefused, DataDirUnusable
 */
export async function prepareDatabase(dataDir: string, now: number): Promise<string> {
  makeDataDir(dataDir);
  // Looked at first by a connection that cannot write, so that another program's file is left as it is.
  const isThere = existsSync(join(dataDir, DATABASE_FILE));
  if (isThere) await reading(dataDir, isOurs);
  const path = privateFile(dataDir, DATABASE_FILE);
  const db = new Kysely<unknown>({ dialect: writerDialect(path) });
  try {
    await migrate(db, now);
  } catch (error) {
    await db.destroy();
    // Half of a new database is worth nothing, and would be taken for one.
    if (!isThere) for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
    throw explainedFault(dataDir, error);
  }
  await db.destroy();
  return path;
}

/**
 * The same for a command beside which a server may be running. It changes the schema only while no server uses the folder, since an
 * older one that is running would fail at its next statement.
 * @throws DataDirLocked, MigrationRefused, DataDirUnusable
 */
export async function prepareDatabaseForCommand(dataDir: string, now: number): Promise<string> {
  const path = join(dataDir, DATABASE_FILE);
  if (existsSync(path) && (await reading(dataDir, isMigrated))) return prepareDatabase(dataDir, now);
  const unlock = lockDataDir(dataDir);
  try {
    return await prepareDatabase(dataDir, now);
  } finally {
    unlock();
  }
}

/** Reads a database that is there. @throws DataDirUnusable */
async function reading<T>(dataDir: string, read: (db: Kysely<unknown>) => Promise<T>): Promise<T> {
  const db = new Kysely<unknown>({ dialect: readerDialect(join(dataDir, DATABASE_FILE), 1) });
  try {
    return await read(db);
  } catch (error) {
    throw explainedFault(dataDir, error);
  } finally {
    await db.destroy();
  }
}

export function openReader(path: string): ReadDatabase {
  return new Kysely<Schema>({ dialect: readerDialect(path, READERS) });
}

/** The one writing connection, in the calling thread. */
export function openWriter(
  path: string,
  { table, clock = systemClock, uptime = uptimeMs }: WriterParts,
): DatabaseRunner {
  return new DatabaseRunner({ db: new Kysely<Schema>({ dialect: writerDialect(path) }), table, clock, uptime });
}

/** Writes from the calling thread, for commands: nobody listens in their process, and a running server follows the log. */
export function openWrites(path: string, parts: WriterParts): Writes {
  return new GroupWriter(openWriter(path, parts), parts.table);
}

export interface WriterParts {
  readonly table: ProcedureTable;
  readonly clock?: Clock;
  /** Milliseconds that the process has run, which no clock sets; another one for tests. */
  readonly uptime?: () => number;
}
