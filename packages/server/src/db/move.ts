import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Kysely } from "kysely";
import { startNumbering } from "./columns.ts";
import { DatabaseMissing } from "./database-missing.ts";
import { epochOf } from "./epoch.ts";
import { isOfThisVersion, isOurs, migrateWithin } from "./migrate.ts";
import { MoveRefused } from "./move-refused.ts";
import { isBroken, passingFault } from "./postgres/faults.ts";
import { explainedPostgresFault, postgresName } from "./postgres/open.ts";
import { TableCopy } from "./postgres/table-copy.ts";
import { PostgresTarget } from "./postgres/target.ts";
import type { Schema } from "./schema.ts";
import { lockForCommand } from "./sqlite/lock.ts";
import { markMoved } from "./sqlite/moved-mark.ts";
import { DATABASE_FILE, explainedFileFault } from "./sqlite/open.ts";
import { SqliteSource } from "./sqlite/source.ts";

export interface Moved {
  /** Rows of each table. */
  readonly rows: ReadonlyMap<string, number>;
  /** Position of the newest event. */
  readonly logEnd: number;
  /** How many texts had a 0 byte, which PostgreSQL cannot store. */
  readonly mended: number;
}

export interface MoveParts {
  readonly now: number;
  /** Is told how far a table is, after each portion of rows. */
  readonly onRows?: (progress: { table: string; rows: number; of: number }) => void;
}

const ALL = "true";

/**
 * Which rows of each table are moved, by a condition; those that others refer to come first. What a database knows of the nodes that use it, and of the
 * server that it is in, stays behind.
 */
const WHAT: Readonly<Record<keyof Schema, string | undefined>> = {
  meta: "key not in ('timeline', 'home')",
  users: ALL,
  rooms: ALL,
  name_looks: ALL,
  logins: ALL,
  known_requesters: ALL,
  rate_counts: ALL,
  qr_logins: ALL,
  ended_external_ids: ALL,
  members: ALL,
  room_reads: ALL,
  messages: ALL,
  marks: ALL,
  hidden_marks: ALL,
  friend_requests: ALL,
  friends: ALL,
  blocks: ALL,
  bans: ALL,
  notifications: ALL,
  notification_recipients: ALL,
  notification_marks: ALL,
  notification_places: ALL,
  custom_events: ALL,
  custom_latest: ALL,
  server_keys: ALL,
  server_dedupes: ALL,
  followers: ALL,
  webhooks: ALL,
  webhook_lanes: ALL,
  webhook_dead_letters: ALL,
  audit: ALL,
  streams: ALL,
  events: ALL,
  log: ALL,
  writers: undefined,
  nodes: undefined,
};

const TABLES = Object.entries(WHAT).flatMap(([name, where]) => (where === undefined ? [] : [{ name, where }]));

/**
 * Copies everything from SQLite to an empty database of PostgreSQL, so that it goes on there with the same ids, positions and epoch. All of it is one transaction
 * there. Here nothing is written but a mark beside the database, which keeps others from using it by mistake.
 * @throws MoveRefused, DatabaseMissing, DataDirLocked, DataDirUnusable, PostgresUnusable, MigrationRefused
 */
export async function move(dataDir: string, url: string, parts: MoveParts): Promise<Moved> {
  if (!existsSync(join(dataDir, DATABASE_FILE))) throw nothingIn(dataDir);
  const unlock = lockForCommand(dataDir);
  try {
    const source = SqliteSource.open(dataDir);
    try {
      await checkSource(source, dataDir);
      return await fill(source, url, { ...parts, dataDir });
    } finally {
      source.close();
    }
  } catch (error) {
    throw explainedFileFault(dataDir, error);
  } finally {
    unlock();
  }
}

/** A new database made there would hide that the folder is another one. */
function nothingIn(dataDir: string): DatabaseMissing {
  return new DatabaseMissing(
    `There is no database in ${dataDir}. DATA_DIR has to name the data folder of the server that is moved.`,
  );
}

async function checkSource({ db }: SqliteSource, dataDir: string): Promise<void> {
  if (!(await isOurs(db))) throw nothingIn(dataDir);
  if (await isOfThisVersion(db)) return;
  throw new MoveRefused(
    `${DATABASE_FILE} in ${dataDir} was written by an earlier version of Parley. Run parley migrate first; it updates the file.`,
  );
}

async function fill(
  source: SqliteSource,
  url: string,
  { now, onRows = () => {}, dataDir }: MoveParts & { dataDir: string },
): Promise<Moved> {
  let target: PostgresTarget | undefined;
  try {
    target = await PostgresTarget.open(url);
    await refuseWhereOneIs(target, source, { url, dataDir });
    await migrateWithin(target.db as Kysely<unknown>, now);
    const copied = await copyAll(source, target, onRows);
    await verify(source, target, copied);
    await complete(source, target, { url, dataDir });
    return copied;
  } catch (error) {
    throw explainedPostgresFault(url, error);
  } finally {
    await target?.close();
  }
}

/** The mark comes first: from the commit on, a write to this database would be lost. */
async function complete(
  source: SqliteSource,
  target: PostgresTarget,
  { url, dataDir }: { url: string; dataDir: string },
): Promise<void> {
  const unmark = markMoved(dataDir, postgresName(url));
  try {
    if (!source.end()) {
      throw new MoveRefused(
        `Nothing was moved: something, such as parley user, wrote to ${DATABASE_FILE} in ${dataDir} meanwhile. Run the command again.`,
      );
    }
    await target.commit();
  } catch (error) {
    // Without an answer to the commit, everything may be there.
    if (!isBroken(error)) unmark();
    throw error;
  }
}

async function refuseWhereOneIs(
  { db }: PostgresTarget,
  source: SqliteSource,
  { url, dataDir }: { url: string; dataDir: string },
): Promise<void> {
  if (!(await isOurs(db as Kysely<unknown>))) return;
  const isSame = (await epochOf(db)) === (await epochOf(source.db as Kysely<Schema>));
  if (isSame) markMoved(dataDir, postgresName(url));
  throw new MoveRefused(
    isSame
      ? `${postgresName(url)}, has this installation already: it was moved before. Set DATABASE_URL to that address and start the server.`
      : `${postgresName(url)}, has another installation of Parley, and is left as it is. Name an empty database instead; createdb NAME makes one.`,
  );
}

async function copyAll(
  source: SqliteSource,
  target: PostgresTarget,
  onRows: NonNullable<MoveParts["onRows"]>,
): Promise<Moved> {
  const types = await target.columnTypes();
  const rows = new Map<string, number>();
  let mended = 0;
  // Migrations put some first rows there.
  await target.empty(TABLES.map(({ name }) => name));
  for (const { name, where } of TABLES) {
    const of = source.count(name, where);
    const copy = new TableCopy(name, { columns: source.columns(name), types, target });
    const copyRows = async () => {
      for (const row of source.rows(name, where)) {
        if (!copy.add(row)) continue;
        await copy.send();
        if (copy.rows < of) onRows({ table: name, rows: copy.rows, of });
      }
      await copy.end();
    };
    await target.withoutIndexes(name, copyRows).catch((error: unknown) => refuse(name, error));
    onRows({ table: name, rows: copy.rows, of });
    rows.set(name, of);
    mended += copy.mended;
  }
  for (const numbered of source.numbered()) await startNumbering(target.db as Kysely<unknown>, numbered);
  await target.analyze(TABLES.map(({ name }) => name));
  return { rows, mended, logEnd: await logEnd(target.db) };
}

/** What PostgreSQL has against the rows of a table, in its words. */
function refuse(table: string, error: unknown): never {
  const isSaidByPostgres = error instanceof Error && "severity" in error;
  if (!isSaidByPostgres || passingFault(error) !== undefined) throw error;
  const { message, detail } = error as Error & { detail?: string };
  throw new MoveRefused(
    `Nothing was moved: PostgreSQL refuses the rows of the table ${table} (${[message, detail].filter(Boolean).join("; ")}).`,
    { cause: error },
  );
}

/** Compares what is there now with what is here. @throws MoveRefused */
async function verify(source: SqliteSource, target: PostgresTarget, { rows, logEnd: there }: Moved): Promise<void> {
  const here = await logEnd(source.db as Kysely<Schema>);
  const stored = await Promise.all(rows.keys().map((table) => target.count(table)));
  const differences = [...rows].flatMap(([table, count], index) =>
    stored[index] === count ? [] : [`${table} has ${count} rows in SQLite and ${stored[index]} in PostgreSQL`],
  );
  if (here !== there) differences.push(`the log ends at ${here} in SQLite and at ${there} in PostgreSQL`);
  if (differences.length > 0) throw new MoveRefused(`Nothing was moved: ${differences.join("; ")}.`);
}

async function logEnd(db: Kysely<Schema>): Promise<number> {
  return (await db.selectFrom("log").select("pos").executeTakeFirstOrThrow()).pos;
}
