import { lstatSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Kysely } from "kysely";
import { BackupFailed, copied } from "./backup.ts";
import { damageIn, fileFault, writerDialect } from "./dialect.ts";
import { giveNewEpoch } from "./epoch.ts";
import { lockForCommand } from "./lock.ts";
import { isOurs, MigrationRefused, migrate } from "./migrate.ts";
import { newFile, putInPlace } from "./new-file.ts";
import { DATABASE_FILE } from "./open.ts";
import type { ProcedureTable } from "./procedures.ts";

/** What SQLite keeps beside a file. */
const BESIDE = ["", "-wal", "-shm", "-journal"];

/**
 * Puts a copy of a backup into a data folder that has no database, in the form of this version and with a new epoch. It is made beside its place,
 * so the folder gets a whole database or none.
 * @throws BackupFailed, DataDirLocked, DataDirUnusable, FileNotMade
 */
export async function restore(
  file: string,
  dataDir: string,
  at: { table: ProcedureTable; now: number },
): Promise<void> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new BackupFailed(`There is no file ${file}.`);
  const unlock = lockForCommand(dataDir);
  const staged = join(dataDir, `${DATABASE_FILE}.restored`);
  try {
    refuseWhereOneIs(dataDir);
    // What an earlier try left belongs to nobody: the folder's lock is held.
    remove(staged);
    newFile(staged);
    await stage(file, staged, at);
    putInPlace(staged, join(dataDir, DATABASE_FILE));
  } finally {
    remove(staged);
    unlock();
  }
}

function refuseWhereOneIs(dataDir: string): void {
  const there = BESIDE.map((end) => DATABASE_FILE + end).filter((name) =>
    lstatSync(join(dataDir, name), { throwIfNoEntry: false }),
  );
  if (there.length === 0) return;
  throw new BackupFailed(
    `There is a database in ${dataDir} already, and it is left as it is. Move ${there.join(", ")} elsewhere, or set DATA_DIR to another folder.`,
  );
}

function remove(staged: string): void {
  for (const end of BESIDE) rmSync(`${staged}${end}`, { force: true });
}

async function stage(file: string, staged: string, at: { table: ProcedureTable; now: number }): Promise<void> {
  copied(file, staged);
  try {
    const damage = damageIn(staged);
    if (damage !== undefined) throw new BackupFailed(`${file} is damaged: ${damage}.`);
    await bringUpToDate(staged, { file, now: at.now });
    await giveNewEpoch(staged, at.table);
  } catch (error) {
    const fault = fileFault(error);
    throw fault === undefined ? error : new BackupFailed(`${staged} ${fault}`, { cause: error });
  }
}

async function bringUpToDate(staged: string, { file, now }: { file: string; now: number }): Promise<void> {
  const db = new Kysely<unknown>({ dialect: writerDialect(staged) });
  try {
    const ours = await isOurs(db).catch((error: unknown) => {
      if (error instanceof MigrationRefused) return false;
      throw error;
    });
    if (!ours) throw new BackupFailed(`${file} is not a backup of Parley.`);
    await migrate(db, now);
  } finally {
    await db.destroy();
  }
}
