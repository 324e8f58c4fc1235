import { join } from "node:path";
import type { Kysely, Logger } from "kysely";
import { type Clock, systemClock } from "../lib/clock.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { BatchTimes } from "./batch-time.ts";
import { DatabaseRunner } from "./database-runner.ts";
import { PostgresUnusable } from "./postgres/faults.ts";
import {
  checkPostgresExists,
  explainedPostgresFault,
  openPostgresReader,
  postgresName,
  preparePostgres,
} from "./postgres/open.ts";
import type { PostgresPlace } from "./postgres/place.ts";
import { PostgresWriter } from "./postgres/writer.ts";
import type { ProcedureTable } from "./procedures.ts";
import type { ReadGate } from "./read-gate.ts";
import type { Schema } from "./schema.ts";
import { DataDirUnusable } from "./sqlite/data-dir.ts";
import { lockDataDir } from "./sqlite/lock.ts";
import {
  DATABASE_FILE,
  existingFile,
  explainedFileFault,
  openFileReader,
  prepareFile,
  prepareFileForCommand,
} from "./sqlite/open.ts";
import { SqliteWriter } from "./sqlite/writer.ts";
import { GroupWriter, type Writes } from "./writer.ts";
import type { WritingConnection } from "./writing-connection.ts";

/**
 * The database: who opens it, and how. Readers are connections of this thread that cannot write; the writer is one
 * connection, in a thread of its own in the server (`threaded-runner.ts`) and in this thread for commands and unit
 * tests. What the two databases do in different ways is in `sqlite/` and `postgres/`. Knows nothing of what is stored: features write their own
 * queries, on `schema.ts`.
 */

/** Where the data is to be, as settings say. */
export interface DataSettings {
  readonly dir: string;
  /** Of PostgreSQL; undefined: SQLite in `dir`. */
  readonly databaseUrl: string | undefined;
  /** See `PG_FAILOVER`. */
  readonly isLossless?: boolean;
}

/** Where a database is. Plain data, because it crosses to the writer's thread; `url` has the password in it. */
export type DatabasePlace = { readonly file: string } | PostgresPlace;

/** Read-only; a `transaction()` on it is a snapshot. */
export type ReadDatabase = Kysely<Schema>;

/** Where the database is, if there is one. */
export function placeOf({ dir, databaseUrl, isLossless }: DataSettings): DatabasePlace {
  return databaseUrl === undefined ? { file: join(dir, DATABASE_FILE) } : { url: databaseUrl, isLossless };
}

/** @throws DatabaseMissing, DataDirUnusable, PostgresUnusable, MigrationRefused for another program's database */
export async function existingDatabase(data: DataSettings): Promise<DatabasePlace> {
  if (data.databaseUrl === undefined) return { file: await existingFile(data.dir) };
  await checkPostgresExists(data.databaseUrl);
  return placeOf(data);
}

/**
 * Brings the schema up to date; on SQLite it makes the folder and the file if they are missing, readable by their owner alone.
 * @throws MigrationRefused, DataDirUnusable, PostgresUnusable
 */
export async function prepareDatabase(data: DataSettings, now: number): Promise<DatabasePlace> {
  const { dir, databaseUrl, isLossless } = data;
  if (databaseUrl === undefined) return { file: await prepareFile(dir, now) };
  const place = { url: databaseUrl, isLossless };
  await preparePostgres(place, now);
  return place;
}

/**
 * The same for a command beside which a server may be running. On SQLite it changes the schema only while no server uses the folder, since an
 * older one that is running would fail at its next statement.
 * @throws DataDirLocked, MigrationRefused, DataDirUnusable, PostgresUnusable
 */
export async function prepareDatabaseForCommand(data: DataSettings, now: number): Promise<DatabasePlace> {
  if (data.databaseUrl === undefined) return { file: await prepareFileForCommand(data.dir, now) };
  return prepareDatabase(data, now);
}

/**
 * Keeps other servers from a file for as long as this one runs. PostgreSQL serves many.
 * @returns what gives it free
 * @throws DataDirLocked, DataDirUnusable
 */
export async function claimDatabase(data: DataSettings): Promise<() => void | Promise<void>> {
  return data.databaseUrl === undefined ? lockDataDir(data.dir) : () => {};
}

/** What to throw in place of an error of opening or first reading a database: if the database is what is wrong, it says so. */
export function explainedFault({ dir, databaseUrl }: DataSettings, error: unknown): unknown {
  return databaseUrl === undefined ? explainedFileFault(dir, error) : explainedPostgresFault(databaseUrl, error);
}

/** An error that says what is wrong with the database. @param fault the words of `passingFault` */
export function unusable(data: DataSettings, fault: string): Error {
  const name = nameOf(data);
  return data.databaseUrl === undefined
    ? new DataDirUnusable(`${name} ${fault}`)
    : new PostgresUnusable(`${name}, ${fault}`);
}

/** What a database is called where people read it; never with the password. */
export function nameOf({ dir, databaseUrl }: DataSettings): string {
  return databaseUrl === undefined ? `${DATABASE_FILE} in ${dir}` : postgresName(databaseUrl);
}

/**
 * @param parts.gate may hold reads back for a moment, where a file's journal needs it
 * @param parts.log is told of each statement, for tests
 */
export function openReader(place: DatabasePlace, parts: ReaderParts = {}): ReadDatabase {
  return "file" in place ? openFileReader(place.file, parts) : openPostgresReader(place.url, parts.log);
}

/** The one connection of this process that writes. */
export function openWritingConnection(place: DatabasePlace, parts: ConnectionParts = {}): WritingConnection {
  const { clock, uptime = uptimeMs, log } = parts;
  if ("file" in place) {
    return new SqliteWriter(place.file, { times: new BatchTimes(clock ?? systemClock, uptime), log });
  }
  return new PostgresWriter(place, { times: clock && new BatchTimes(clock, uptime), log });
}

/** It runs batches, in the calling thread. */
export function openWriter(place: DatabasePlace, { table, ...parts }: WriterParts): DatabaseRunner {
  return new DatabaseRunner(openWritingConnection(place, parts), table);
}

/** Writes from the calling thread, for commands: nobody listens in their process, and a running server follows the log. */
export function openWrites(place: DatabasePlace, parts: WriterParts): Writes {
  return new GroupWriter(openWriter(place, parts), parts.table);
}

export interface ReaderParts {
  readonly gate?: ReadGate | undefined;
  readonly log?: Logger | undefined;
}

export interface WriterParts extends ConnectionParts {
  readonly table: ProcedureTable;
}

export interface ConnectionParts {
  /** Another time, for tests. By default it is the database's, which for SQLite is this machine's. */
  readonly clock?: Clock | undefined;
  /** Milliseconds that the process has run, which no clock sets; another one for tests. */
  readonly uptime?: () => number;
  /** Is told of each statement, for tests. */
  readonly log?: Logger | undefined;
}
