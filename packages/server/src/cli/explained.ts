import { DatabaseMissing } from "../db/database-missing.ts";
import { MigrationRefused } from "../db/migrate.ts";
import { MoveRefused } from "../db/move-refused.ts";
import { FileNotMade } from "../db/new-file.ts";
import { PostgresUnusable } from "../db/postgres/faults.ts";
import { BackupFailed } from "../db/sqlite/backup.ts";
import { DataDirUnusable } from "../db/sqlite/data-dir.ts";
import { DataDirLocked } from "../db/sqlite/lock.ts";
import { DataMoved } from "../db/sqlite/moved-mark.ts";
import { StorageFault } from "../db/storage-fault.ts";
import { ListenFailed } from "../listen-failed.ts";
import { WorkerFailed } from "../processes/workers.ts";
import { CommandFailed } from "./command.ts";

/** Failures that people meet and whose message says what to do. */
const EXPLAINED = [
  BackupFailed,
  CommandFailed,
  DataDirLocked,
  DataDirUnusable,
  DataMoved,
  DatabaseMissing,
  FileNotMade,
  ListenFailed,
  MigrationRefused,
  MoveRefused,
  PostgresUnusable,
  WorkerFailed,
];

/** The sentence to show in place of a stack; undefined for an error of ours. */
export function explained(error: unknown): string | undefined {
  if (error instanceof StorageFault) return `The database ${error.fault}`;
  return EXPLAINED.some((one) => error instanceof one) ? (error as Error).message : undefined;
}
