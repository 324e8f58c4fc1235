import type { Database as SqliteDatabase } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Kysely } from "kysely";
import { OneConnection } from "../one-connection.ts";
import { SqliteConnection } from "./connection.ts";
import { sqliteDialect } from "./dialect.ts";
import { openReadOnly } from "./files.ts";
import { DATABASE_FILE, missingIn } from "./open.ts";

/** A table whose keys the database numbers. */
export interface NumberedTable {
  readonly table: string;
  readonly column: string;
  /** The number that the next row gets: above all that were ever used. */
  readonly next: number;
}

/** A database as it is at one moment, to be copied elsewhere. Nothing is written to the file or its journal. */
export class SqliteSource {
  readonly #database: SqliteDatabase;
  readonly #version: number;
  /** For what can be asked of either database. */
  readonly db: Kysely<unknown>;

  private constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#version = this.#dataVersion();
    this.#database.run("begin");
    const connection = new SqliteConnection(database);
    this.db = new Kysely<unknown>({ dialect: sqliteDialect(() => new OneConnection(() => connection)) });
  }

  /** @throws DatabaseMissing, NotOpened */
  static open(dataDir: string): SqliteSource {
    const path = join(dataDir, DATABASE_FILE);
    if (!existsSync(path)) throw missingIn(dataDir);
    const database = openReadOnly(path);
    try {
      return new SqliteSource(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  columns(table: string): string[] {
    const rows = this.#database.query<{ name: string }, []>(`pragma table_info("${table}")`).all();
    return rows.map(({ name }) => name);
  }

  count(table: string, where: string): number {
    const text = `select count(*) as n from "${table}" where ${where}`;
    return this.#database.query<{ n: number }, []>(text).get()?.n ?? 0;
  }

  /** One row after another, whatever the table's size: each has its cells by their columns. */
  rows(table: string, where: string): IterableIterator<Record<string, unknown>> {
    return this.#database.query<Record<string, unknown>, []>(`select * from "${table}" where ${where}`).iterate();
  }

  numbered(): NumberedTable[] {
    const text = `select sequence.name as "table", columns.name as "column", sequence.seq + 1 as next
      from sqlite_sequence as sequence join pragma_table_info(sequence.name) as columns on columns.pk = 1`;
    return this.#database.query<NumberedTable, []>(text).all();
  }

  /** Ends the moment. @returns whether nobody has written since it began */
  end(): boolean {
    this.#database.run("commit");
    return this.#dataVersion() === this.#version;
  }

  close(): void {
    this.#database.close();
  }

  /** Changes with each commit of another connection, as seen outside of a transaction. */
  #dataVersion(): number {
    return this.#database.query<{ data_version: number }, []>("pragma data_version").get()?.data_version ?? 0;
  }
}
