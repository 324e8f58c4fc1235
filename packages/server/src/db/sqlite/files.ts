import { Database as SqliteDatabase } from "bun:sqlite";
import { codeOf, NotOpened } from "./faults.ts";

/**
 * Locks a file for as long as this process lives, by an empty database that is used for its lock alone: SQLite knows how to
 * lock a file on every system.
 * @returns what releases it; undefined when another process holds it
 */
export function holdExclusively(path: string): (() => void) | undefined {
  const lock = new SqliteDatabase(path, { create: true, readwrite: true });
  try {
    lock.run("pragma journal_mode = memory");
    lock.run("begin exclusive");
  } catch (error) {
    lock.close();
    if (codeOf(error) === "SQLITE_BUSY") return undefined;
    throw error;
  }
  return () => lock.close();
}

/**
 * Copies a database as it is at this moment into an empty file, in SQLite's own way: from one snapshot, which keeps neither readers nor the
 * writer waiting. What is in the journal comes along, free space does not, and the copy has no journal of its own.
 * @throws NotOpened where `from` is what cannot be opened
 */
export function copyDatabase(from: string, to: string): void {
  const database = openReadOnly(from);
  try {
    database.run("vacuum into ?", [to]);
  } finally {
    database.close();
  }
}

/** Reads a whole file, and looks whether indexes and tables agree. @returns what is damaged in it, in SQLite's words; undefined: nothing. @throws NotOpened */
export function damageIn(path: string): string | undefined {
  const database = openReadOnly(path);
  try {
    const [first] = database.query<{ integrity_check: string }, []>("pragma integrity_check(1)").all();
    return first?.integrity_check === "ok" ? undefined : first?.integrity_check;
  } finally {
    database.close();
  }
}

/** A connection that leaves the file and its journal exactly as they are. @throws NotOpened */
export function openReadOnly(path: string): SqliteDatabase {
  try {
    return new SqliteDatabase(path, { readonly: true });
  } catch (cause) {
    throw new NotOpened(`${path} could not be opened`, { cause });
  }
}
