import { DataDirUnusable, makeDataDir, privateFile } from "./data-dir.ts";
import { fileFault } from "./faults.ts";
import { holdExclusively } from "./files.ts";

/** Another server has the data folder; the message says what to do. */
export class DataDirLocked extends Error {
  override readonly name = "DataDirLocked";
}

/**
 * One server per data folder: two would number the same events. With PostgreSQL only supervisors take it: one would remove the other's socket.
 * Held by the operating system for as long as the process lives, so a killed server leaves nothing to clean up. Commands that only write
 * (`parley user`) need no lock.
 * @returns what releases it
 * @throws DataDirLocked, DataDirUnusable
 */
export function lockDataDir(dataDir: string): () => void {
  makeDataDir(dataDir);
  const release = held(dataDir, "parley.lock");
  if (release) return release;
  throw new DataDirLocked(
    `Another Parley server uses the data folder ${dataDir}. Stop it, or set DATA_DIR to another folder.`,
  );
}

/** The same for a command that needs the server to be stopped. @throws DataDirLocked, DataDirUnusable */
export function lockForCommand(dataDir: string): () => void {
  try {
    return lockDataDir(dataDir);
  } catch (error) {
    if (!(error instanceof DataDirLocked)) throw error;
    throw new DataDirLocked(`A Parley server uses the data folder ${dataDir}. Stop it first.`);
  }
}

function held(dataDir: string, file: string): (() => void) | undefined {
  const path = privateFile(dataDir, file);
  try {
    return holdExclusively(path);
  } catch (error) {
    throw new DataDirUnusable(`${file} in ${dataDir} ${fileFault(error) ?? "cannot be locked."}`, { cause: error });
  }
}
