import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Kysely, type Logger } from "kysely";
import { DatabaseMissing } from "../database-missing.ts";
import { isMigrated, isOurs, migrate } from "../migrate.ts";
import type { ReadGate } from "../read-gate.ts";
import type { Schema } from "../schema.ts";
import { DataDirUnusable, makeDataDir, privateFile } from "./data-dir.ts";
import { readerDialect, writerDialect } from "./dialect.ts";
import { fileFault } from "./faults.ts";
import { lockDataDir } from "./lock.ts";
import { refuseMoved } from "./moved-mark.ts";

export const DATABASE_FILE = "parley.db";

/** Read transactions that may be open at once; each is a connection with its own page cache. */
const READERS = 4;

/**
 * The path of a database of ours that is there.
 * @throws DatabaseMissing, DataDirUnusable, DataMoved, MigrationRefused for another program's database
 */
export async function existingFile(dataDir: string): Promise<string> {
  refuseMoved(dataDir);
  const path = join(dataDir, DATABASE_FILE);
  if (existsSync(path) && (await reading(dataDir, isOurs))) return path;
  throw missingIn(dataDir);
}

export function missingIn(dataDir: string): DatabaseMissing {
  return new DatabaseMissing(
    `There is no database in ${dataDir}. Start the server there once, or run parley migrate; DATA_DIR says where.`,
  );
}

/** What to throw in place of an error of opening or first reading a database: where the file is what is wrong, it says so. */
export function explainedFileFault(dataDir: string, error: unknown): unknown {
  const fault = fileFault(error);
  return fault === undefined ? error : new DataDirUnusable(`${DATABASE_FILE} in ${dataDir} ${fault}`, { cause: error });
}

/**
 * Makes the folder and the file, readable by their owner alone, brings the schema up to date and returns the file's path.
 * @throws MigrationRefused, DataDirUnusable, DataMoved
 */
export async function prepareFile(dataDir: string, now: number): Promise<string> {
  refuseMoved(dataDir);
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
    throw explainedFileFault(dataDir, error);
  }
  await db.destroy();
  return path;
}

/**
 * The same for a command beside which a server may be running. It changes the schema only while no server uses the folder, since an
 * older one that is running would fail at its next statement.
 * @throws DataDirLocked, MigrationRefused, DataDirUnusable, DataMoved
 */
export async function prepareFileForCommand(dataDir: string, now: number): Promise<string> {
  const path = join(dataDir, DATABASE_FILE);
  if (existsSync(path) && (await reading(dataDir, isMigrated))) return prepareFile(dataDir, now);
  const unlock = lockDataDir(dataDir);
  try {
    return await prepareFile(dataDir, now);
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
    throw explainedFileFault(dataDir, error);
  } finally {
    await db.destroy();
  }
}

export function openFileReader(
  path: string,
  { gate, log }: { gate?: ReadGate | undefined; log?: Logger | undefined } = {},
): Kysely<Schema> {
  const dialect = readerDialect(path, READERS);
  return new Kysely<Schema>({ dialect: gate ? gate.around(dialect) : dialect, ...(log && { log }) });
}
