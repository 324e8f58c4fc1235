import { chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";

/** The folder of DATA_DIR cannot hold the database; the message names the variable, what it got and what it wants. */
export class DataDirUnusable extends Error {
  override readonly name = "DataDirUnusable";
}

const WANTED: Readonly<Record<string, string>> = {
  EEXIST: "a folder; this is a file",
  ENOTDIR: "a folder; this is in a file",
  ENOENT: "a folder that can be made",
  EACCES: "a folder that this user may write to",
  EPERM: "a folder that this user may write to",
  EROFS: "a folder that can be written to",
  ELOOP: "the file itself; this is a link, and whatever it leads to would be written to",
  ENOSPC: "a folder with space left on its disk",
};

/** Makes the folder if it is missing, for its owner alone. @throws DataDirUnusable */
export function makeDataDir(dataDir: string): void {
  orUnusable(dataDir, () => mkdirSync(dataDir, { recursive: true, mode: 0o700 }));
}

/**
 * Makes a file of the folder if it is missing and keeps other users out of it, whatever the folder allows. Files that SQLite adds get the
 * same rights; an existing file, for example from a backup, loses the others' rights too.
 * @returns its path
 * @throws DataDirUnusable
 */
export function privateFile(dataDir: string, name: string): string {
  const path = join(dataDir, name);
  orUnusable(dataDir, () => closeSync(openSync(path, OWN_FILE, 0o600)), name);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile()) keepFromOthers(file);
  }
  return path;
}

/** No link is followed: the rights of a file elsewhere are not ours to change. */
const OWN_FILE = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

function keepFromOthers(file: string): void {
  try {
    chmodSync(file, 0o600);
  } catch (error) {
    // Another user's file that we may write nevertheless; its rights are up to that user.
    if (codeOf(error) !== "EPERM") throw error;
  }
}

function orUnusable(dataDir: string, work: () => void, file?: string): void {
  try {
    work();
  } catch (error) {
    const code = codeOf(error);
    const at = file === undefined ? code : `${file}: ${code}`;
    const wanted = WANTED[code] ?? "a folder that can be used";
    throw new DataDirUnusable(`DATA_DIR is ${JSON.stringify(dataDir)}, wanted ${wanted} (${at})`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
