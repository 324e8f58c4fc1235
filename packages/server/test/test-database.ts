import { Database } from "bun:sqlite";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { type DatabasePlace, type DataSettings, prepareDatabase } from "../src/db/open.ts";
import { DATABASE_FILE } from "../src/db/sqlite/open.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { sharedPostgres } from "./postgres-server.ts";

/** Whether this run of the tests is on PostgreSQL, by `TEST_DATABASE=postgres`; otherwise it is on SQLite. */
export const onPostgres = process.env.TEST_DATABASE === "postgres";

/** Has the tables from the beginning: making them takes longer than most tests. */
export const TABLES = {
  name: "tables",
  fill: async (url: string) => {
    await prepareDatabase({ dir: "", databaseUrl: url }, new ManualClock().now());
    // A copy of a database that was used elsewhere would get another epoch at its first use.
    await withRaw({ url }, (raw) => raw.rows("delete from meta where key = 'home'"));
  },
};

/**
 * Where a new database of this run's kind is to be: in `dir`, or in the instance of PostgreSQL that tests share. The helper that asked for it drops it, when
 * nothing uses it any more.
 */
export async function newDatabase(dir: string): Promise<DataSettings> {
  if (!onPostgres) return { dir, databaseUrl: undefined };
  const postgres = await sharedPostgres();
  const made = ahead ?? postgres.keptDatabase(TABLES);
  ahead = postgres.keptDatabase(TABLES);
  ahead.catch(() => {});
  return { dir, databaseUrl: await made };
}

/** The next one, which is made while the test before it runs. */
let ahead: Promise<string> | undefined;

/** The same with the tables on SQLite too, for a test that is not about the start of a server. `dir` is there already. */
export async function newTables(dir: string): Promise<DataSettings> {
  const data = await newDatabase(dir);
  if (!onPostgres) {
    file ??= await fileWithTables();
    writeFileSync(join(dir, DATABASE_FILE), file, { mode: 0o600 });
  }
  return data;
}

/** What the file of each begins with. */
let file: Uint8Array | undefined;

async function fileWithTables(): Promise<Uint8Array> {
  const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
  try {
    await prepareDatabase({ dir, databaseUrl: undefined }, new ManualClock().now());
    return readFileSync(join(dir, DATABASE_FILE));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A file goes with its folder. Nobody waits until PostgreSQL has dropped a database: what is left at the end of the run goes with the instance. */
export async function dropDatabase({ databaseUrl }: DataSettings): Promise<void> {
  if (databaseUrl === undefined) return;
  const postgres = await sharedPostgres();
  postgres.drop(databaseUrl).catch(() => {});
}

/** The settings that lead a server or a command to the data, as environment variables. */
export function dataEnv({ dir, databaseUrl }: DataSettings): Record<string, string> {
  return { DATA_DIR: dir, ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }) };
}

export function placeOf({ dir, databaseUrl }: DataSettings): DatabasePlace {
  return databaseUrl === undefined ? { file: join(dir, DATABASE_FILE) } : { url: databaseUrl };
}

export type RawValue = number | string | null;

/** A connection that may do anything, beside those of the server: for what no client can do. */
export interface RawDatabase {
  /** @param text with `?` for each value */
  rows<R = Record<string, unknown>>(text: string, ...values: RawValue[]): Promise<R[]>;
  /** Inserts many rows, whose cells stand in the order of the columns. */
  insert(table: string, columns: readonly string[], cells: readonly (readonly RawValue[])[]): Promise<void>;
  close(): Promise<void>;
}

export async function openRaw(place: DatabasePlace): Promise<RawDatabase> {
  if ("file" in place) {
    const file = new Database(place.file);
    file.run("pragma busy_timeout = 5000");
    return raw({
      rows: async <R>(text: string, ...values: RawValue[]) => file.query(text).all(...values) as R[],
      close: async () => file.close(),
    });
  }
  const client = new Client({ connectionString: place.url });
  client.setTypeParser(20, Number);
  // It may be ended with its database, after its last query.
  client.on("error", () => {});
  await client.connect();
  return raw({
    rows: async <R>(text: string, ...values: RawValue[]) => {
      let n = 0;
      return (
        await client.query(
          text.replace(/\?/g, () => `$${++n}`),
          values,
        )
      ).rows as R[];
    },
    close: () => client.end(),
  });
}

/** Neither database takes more values in one statement than this many rows have. */
const ROWS_AT_ONCE = 1000;

function raw(connection: Omit<RawDatabase, "insert">): RawDatabase {
  return {
    ...connection,
    insert: async (table, columns, cells) => {
      for (let at = 0; at < cells.length; at += ROWS_AT_ONCE) {
        const some = cells.slice(at, at + ROWS_AT_ONCE);
        const places = some.map((row) => `(${row.map(() => "?")})`);
        await connection.rows(`insert into ${table} (${columns}) values ${places}`, ...some.flat());
      }
    },
  };
}

/** Opens it, works with it and closes it. */
export async function withRaw<T>(place: DatabasePlace, work: (raw: RawDatabase) => Promise<T>): Promise<T> {
  const raw = await openRaw(place);
  try {
    return await work(raw);
  } finally {
    await raw.close();
  }
}

/** All rows of all tables, as one text. */
export function allRows(place: DatabasePlace): Promise<string> {
  return withRaw(place, async (raw) => {
    const names =
      "file" in place
        ? "select name from sqlite_master where type = 'table'"
        : "select tablename as name from pg_tables where schemaname = current_schema()";
    const rows: unknown[] = [];
    for (const { name } of await raw.rows<{ name: string }>(names))
      rows.push(...(await raw.rows(`select * from "${name}"`)));
    return JSON.stringify(rows);
  });
}
