import { BackupFailed } from "../db/backup.ts";
import { DataDirUnusable } from "../db/data-dir.ts";
import { DataDirLocked } from "../db/lock.ts";
import { MigrationRefused } from "../db/migrate.ts";
import { FileNotMade } from "../db/new-file.ts";
import { DatabaseMissing } from "../db/open.ts";
import { StorageFault } from "../db/storage-fault.ts";
import { ListenFailed } from "../listen-failed.ts";
import { CommandFailed } from "./command.ts";

/** Failures that people meet and whose message says what to do. */
const EXPLAINED = [
  BackupFailed,
  CommandFailed,
  DataDirLocked,
  DataDirUnusable,
  DatabaseMissing,
  FileNotMade,
  ListenFailed,
  MigrationRefused,
];

/** The sentence to show in place of a stack; undefined for an error of ours. */
export function explained(error: unknown): string | undefined {
  if (error instanceof StorageFault) return `The database ${error.fault}`;
  return EXPLAINED.some((one) => error instanceof one) ? (error as Error).message : undefined;
}
