import { Kysely, type Logger } from "kysely";
import { delay } from "../../lib/interval.ts";
import { DatabaseMissing } from "../database-missing.ts";
import { isOurs, migrate } from "../migrate.ts";
import type { Schema } from "../schema.ts";
import { postgresDialect } from "./dialect.ts";
import { PostgresPool } from "./driver.ts";
import { PostgresUnusable, passingFault } from "./faults.ts";
import type { PostgresPlace } from "./place.ts";
import { refuseTransactionPooler } from "./pooler.ts";
import { openSession } from "./session.ts";
import { settledEpoch } from "./timeline.ts";

/** Read transactions that may be open at once. */
const READERS = 10;
const SNAPSHOT_MS = 5000;

/**
 * Only one process at a time changes the schema; others wait for it. The number is one that no other program is likely to use. While a migration waits for a
 * table, everybody else who needs the table waits behind it, and a batch or a reader may hold one table and wait for another that the migration has. So the migration gives
 * up before PostgreSQL looks for deadlocks (after 1 s), which could end the others instead, and lets them have their turn before it tries again.
 */
const MIGRATE = `begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = '60s';
set local lock_timeout = '60s'; select pg_advisory_xact_lock(4812765120); set local lock_timeout = '500ms'`;
const TRIES = 60;
const AGAIN_MS = 1000;

export function openPostgresReader(url: string, log?: Logger): Kysely<Schema> {
  const open = () => openSession(url, "read");
  const pool = { size: READERS, begin: READ, holdMs: SNAPSHOT_MS };
  const dialect = postgresDialect(() => new PostgresPool(open, pool));
  return new Kysely<Schema>({ dialect, ...(log && { log }) });
}

const READ = "begin isolation level repeatable read read only";

/** @throws DatabaseMissing when there is no database of ours, PostgresUnusable, MigrationRefused for another program's */
export async function checkPostgresExists(url: string): Promise<void> {
  if (await explaining(url, () => using(url, isOurs))) return;
  throw new DatabaseMissing(
    "The database of DATABASE_URL is empty. Start the server with it once, or run parley migrate.",
  );
}

/** Makes the tables, or brings them up to date. @throws PostgresUnusable, MigrationRefused */
export async function preparePostgres(place: PostgresPlace, now: number): Promise<void> {
  const { url } = place;
  await explaining(url, async () => {
    await refuseTransactionPooler(url);
    await migrated(url, now);
    const connection = await openSession(url, "write");
    await settledEpoch(connection, place).finally(() => connection.close());
  });
}

async function migrated(url: string, now: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await using(url, (db) => migrate(db, now));
      return;
    } catch (error) {
      const held = whatIsHeld(error);
      if (held === undefined) throw error;
      if (tries === TRIES || held === "the turn") {
        throw new PostgresUnusable(`${postgresName(url)}, ${HELD[held]}`, { cause: error });
      }
    }
    await delay(AGAIN_MS);
  }
}

const HELD = {
  "a table":
    "could not be updated: something else, such as pg_dump or a transaction that was left open, has locked a table for more than a minute. Start again when that has ended.",
  "the turn":
    "is being updated by another process, which has taken more than a minute. Start again when that has ended.",
};

/** What a migration waited for in vain, by SQLSTATE. @returns undefined if it failed for another reason */
function whatIsHeld(error: unknown): keyof typeof HELD | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  // Nobody waits for the answer to the statements that begin the migration. Their failure shows in the next one, which says that the transaction has failed.
  if (code === "25P02") return "the turn";
  return code === "55P03" ? "a table" : undefined;
}

/** What to throw instead of an error from opening a database. */
export function explainedPostgresFault(url: string, error: unknown): unknown {
  if (error instanceof PostgresUnusable) return error;
  const fault = passingFault(error);
  return fault === undefined ? error : new PostgresUnusable(`${postgresName(url)}, ${fault}`, { cause: error });
}

/** The name of the database for people to read, without the user and the password. */
export function postgresName(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host === "" ? "its socket" : host}, database ${decodeURIComponent(pathname.slice(1)) || "of the user's name"}`;
}

async function using<T>(url: string, work: (db: Kysely<unknown>) => Promise<T>): Promise<T> {
  const open = () => openSession(url, "migrate");
  const db = new Kysely<unknown>({
    dialect: postgresDialect(() => new PostgresPool(open, { size: 1, begin: MIGRATE })),
  });
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}

async function explaining<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainedPostgresFault(url, error);
  }
}
