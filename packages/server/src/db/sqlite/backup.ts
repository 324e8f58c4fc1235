import { rmSync, statSync } from "node:fs";
import { newFile, putInPlace } from "../new-file.ts";
import { fileFault } from "./faults.ts";
import { copyDatabase } from "./files.ts";
import { existingFile } from "./open.ts";

/** A backup could not be made or put back; the message says why and what to do. */
export class BackupFailed extends Error {
  override readonly name = "BackupFailed";
}

/**
 * Writes a copy of the database to a new file, for its owner alone, while a server may be using it. The copy is made beside its place, so a file
 * that has the name and is not empty is whole.
 * @returns its size in bytes
 * @throws BackupFailed, FileNotMade, DatabaseMissing, DataDirUnusable, MigrationRefused
 */
export async function backUp(dataDir: string, file: string): Promise<number> {
  const from = await existingFile(dataDir);
  const made: string[] = [];
  const make = (path: string) => {
    newFile(path);
    made.push(path);
  };
  const partial = `${file}.partial`;
  try {
    // The name is taken first, or a file that is made meanwhile would be written over.
    make(file);
    make(partial);
    copied(from, partial);
    putInPlace(partial, file);
  } catch (error) {
    for (const path of made) rmSync(path, { force: true });
    throw error;
  }
  return statSync(file).size;
}

/** SQLite's codes that are about the file that is written, and not about the one that is read. */
const OF_THE_COPY = /^SQLITE_(FULL|READONLY|IOERR_(WRITE|FSYNC|TRUNCATE))/;

/** Copies a database into an empty file. @throws BackupFailed */
export function copied(from: string, to: string): void {
  try {
    copyDatabase(from, to);
  } catch (error) {
    const fault = fileFault(error);
    if (fault === undefined) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new BackupFailed(`${OF_THE_COPY.test(code) ? to : from} ${fault}`, { cause: error });
  }
}
