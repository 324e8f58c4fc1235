import { closeSync, fsyncSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";

/** A file could not be made; the message says why and what to do. */
export class FileNotMade extends Error {
  override readonly name = "FileNotMade";
}

const REFUSALS: Readonly<Record<string, (path: string) => string>> = {
  EEXIST: (path) =>
    `${path} exists already, and is left as it is. Choose a name that is not taken, or move the file away.`,
  ENOENT: (path) => `There is no folder ${dirname(path)}.`,
  ENOTDIR: (path) => `${dirname(path)} is not a folder.`,
  EACCES: (path) => `This user may not write in ${dirname(path)}.`,
  EROFS: (path) => `${dirname(path)} is on a disk that cannot be written to.`,
  ENOSPC: (path) => `The disk of ${dirname(path)} is full.`,
};

/** Makes a new, empty file for its owner alone. One that is there is never touched, links neither. @throws FileNotMade */
export function newFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new FileNotMade(REFUSALS[code]?.(path) ?? `${path} cannot be made (${code}).`, { cause: error });
  }
}

/** Gives a file that is complete its name. What the disk has not stored would be lost with the machine's power, so it is waited for. */
export function putInPlace(complete: string, path: string): void {
  synced(complete);
  renameSync(complete, path);
  synced(dirname(path));
}

function synced(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
