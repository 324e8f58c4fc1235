import { Database as SqliteDatabase } from "bun:sqlite";
import { makeDataDir, privateFile } from "./data-dir.ts";

/** Another server has the data folder; the message says what to do. */
export class DataDirLocked extends Error {
  override readonly name = "DataDirLocked";
}

/**
 * One server per data folder: two would number the same events. Held by the operating system for as long as the process
 * lives, so a killed server leaves nothing to clean up. Commands that only write (`parley user`) need no lock.
 * @returns what releases it
 * @throws DataDirLocked, DataDirUnusable
 */
export function lockDataDir(dataDir: string): () => void {
  makeDataDir(dataDir);
  // An empty database is used for its lock alone: SQLite knows how to lock a file on every system.
  const lock = new SqliteDatabase(privateFile(dataDir, "parley.lock"), { create: true, readwrite: true });
  try {
    lock.run("pragma journal_mode = memory");
    lock.run("begin exclusive");
  } catch {
    lock.close();
    throw new DataDirLocked(
      `Another Parley server uses the data folder ${dataDir}. Stop it, or set DATA_DIR to another folder.`,
    );
  }
  return () => lock.close();
}
