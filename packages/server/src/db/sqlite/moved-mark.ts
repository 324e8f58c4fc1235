import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { putInPlace } from "../new-file.ts";
import { DataDirUnusable, privateFile } from "./data-dir.ts";

/** The data of a folder was moved to PostgreSQL, and whatever is written to the folder's database now would be lost; the message says what to do. */
export class DataMoved extends Error {
  override readonly name = "DataMoved";
}

/** Beside the database, which a move does not change. It holds the name of the database that has the data now. */
const MARK = "parley.moved";

/** How much of it is shown: somebody may have written something else into it. */
const NAME_MAX = 300;

/**
 * Marks a folder: from now on servers and commands refuse the database in it.
 * @param to what the new database is called, without the password
 * @returns what makes the folder as it was before, for a move that fails after all
 * @throws DataDirUnusable
 */
export function markMoved(dataDir: string, to: string): () => void {
  const path = join(dataDir, MARK);
  const earlier = contentOf(path);
  write(dataDir, `${to}\n`);
  return () => (earlier === undefined ? rmSync(path, { force: true }) : write(dataDir, earlier));
}

/** To be called by everything that is about to use the database in a folder, except a move. @throws DataMoved */
export function refuseMoved(dataDir: string): void {
  const path = join(dataDir, MARK);
  if (!existsSync(path)) return;
  const [to = ""] = (contentOf(path) ?? "").slice(0, NAME_MAX).split("\n");
  throw new DataMoved(
    `The data in ${dataDir} was moved to ${to.trim() || "PostgreSQL"}: set DATABASE_URL to that address, or remove ${path} to go on with the old data.`,
  );
}

/** @returns undefined if there is no such file, or this user may not read it */
function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** It gets its name when it is on the disk, so that the loss of power leaves the whole of it or nothing. */
function write(dataDir: string, text: string): void {
  const staged = privateFile(dataDir, `${MARK}.new`);
  try {
    writeFileSync(staged, text);
    putInPlace(staged, join(dataDir, MARK));
  } catch (cause) {
    throw new DataDirUnusable(`${MARK} in ${dataDir} cannot be written (${(cause as Error).message}).`, { cause });
  }
}
