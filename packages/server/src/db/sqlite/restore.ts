import { closeSync, lstatSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Kysely } from "kysely";
import { giveNewEpoch } from "../epoch.ts";
import { isOurs, MigrationRefused, migrate } from "../migrate.ts";
import { newFile, putInPlace } from "../new-file.ts";
import type { ProcedureTable } from "../procedures.ts";
import { BackupFailed, copied } from "./backup.ts";
import { writerDialect } from "./dialect.ts";
import { fileFault } from "./faults.ts";
import { damageIn } from "./files.ts";
import { lockForCommand } from "./lock.ts";
import { refuseMoved } from "./moved-mark.ts";
import { DATABASE_FILE } from "./open.ts";

/** What SQLite keeps beside a file. */
const BESIDE = ["", "-wal", "-shm", "-journal"];

/**
 * Puts a copy of a backup into a data folder that has no database, in the form of this version and with a new epoch. It is made beside its place,
 * so the folder gets a whole database or none.
 * @throws BackupFailed, DataDirLocked, DataDirUnusable, DataMoved, FileNotMade
 */
export async function restore(
  file: string,
  dataDir: string,
  at: { table: ProcedureTable; now: number },
): Promise<void> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new BackupFailed(`There is no file ${file}.`);
  refuseOtherKinds(file);
  const unlock = lockForCommand(dataDir);
  const staged = join(dataDir, `${DATABASE_FILE}.restored`);
  try {
    refuseMoved(dataDir);
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

/** What pg_dump writes begins with one of these: an archive, or statements. */
const DUMP = /^(PGDMP|--\s+-- PostgreSQL database dump)/;

/** SQLite would only say that the file is no database. */
function refuseOtherKinds(file: string): void {
  const head = headOf(file);
  if (DUMP.test(head)) {
    throw new BackupFailed(
      `${file} is a dump of PostgreSQL. Put it into a database there: an archive with pg_restore, statements with psql; docs/runbook.md has the commands.`,
    );
  }
  if (head !== "" && !head.startsWith("SQLite format 3\0"))
    throw new BackupFailed(`${file} is not a database, and so not a backup of Parley.`);
}

/** The first bytes of a file; none where it cannot be read, of which SQLite says more. */
function headOf(file: string): string {
  try {
    const descriptor = openSync(file, "r");
    try {
      const bytes = Buffer.alloc(64);
      return bytes.toString("latin1", 0, readSync(descriptor, bytes));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return "";
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
    await giveNewEpoch({ file: staged }, at.table);
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
