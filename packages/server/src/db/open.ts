import { Database as SqliteDatabase } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Kysely } from "kysely";
import { READER_PRAGMAS, sqliteDialect, WRITER_PRAGMAS } from "./dialect.ts";
import { migrate } from "./migrate.ts";
import type { Schema } from "./schema.ts";
import { InlineRunner } from "./writer.ts";

/**
 * The database: who opens it, and how. Readers are connections of this thread that cannot write; the writer is one
 * connection, in a thread of its own in the server (`threaded-runner.ts`) and in this thread for commands and unit
 * tests. Knows nothing of what is stored: features write their own queries, on `schema.ts`.
 */
export const DATABASE_FILE = "parley.db";

/** Read transactions that may be open at once; each is a connection with its own page cache. */
const READERS = 4;

/** Read-only; a `transaction()` on it is a snapshot. */
export type ReadDatabase = Kysely<Schema>;

/** Makes the folder, brings the schema up to date and returns the file's path. @throws MigrationRefused */
export async function prepareDatabase(dataDir: string, now: number): Promise<string> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, DATABASE_FILE);
  const db = new Kysely<unknown>({
    dialect: sqliteDialect(() => openFile(path, WRITER_PRAGMAS), { size: 1, begin: "begin immediate" }),
  });
  try {
    await migrate(db, now);
  } finally {
    await db.destroy();
  }
  return path;
}

export function openReader(path: string): ReadDatabase {
  return new Kysely<Schema>({
    dialect: sqliteDialect(() => openFile(path, READER_PRAGMAS), { size: READERS, begin: "begin" }),
  });
}

/** The one writing connection, in the calling thread. */
export function openWriter(path: string): InlineRunner {
  return new InlineRunner(
    new Kysely<Schema>({
      dialect: sqliteDialect(() => openFile(path, WRITER_PRAGMAS), { size: 1, begin: "begin immediate" }),
    }),
  );
}

function openFile(path: string, pragmas: readonly string[]): SqliteDatabase {
  const database = new SqliteDatabase(path, { create: true, readwrite: true });
  for (const pragma of pragmas) database.run(pragma);
  return database;
}
