import type { Database as SqliteDatabase } from "bun:sqlite";
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import { conflictText, type InsertOfRows, isInsertOfRows } from "../rows.ts";

/** Statements kept compiled per connection; bun:sqlite's own cache holds 20 and costs 8-10 us beyond. */
const STATEMENTS_KEPT = 400;

type Statement = ReturnType<SqliteDatabase["prepare"]>;
type Bound = Parameters<Statement["all"]>;

/** A bun:sqlite connection behind Kysely. It is synchronous: what it costs, it costs the calling thread. */
export class SqliteConnection implements DatabaseConnection {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, Statement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      if (isInsertOfRows(query)) {
        this.#insert(query.insert);
        return Promise.resolve({ rows: [] });
      }
      const statement = this.#prepare(query.sql);
      const parameters = query.parameters as Bound;
      if (statement.columnNames.length > 0) {
        return Promise.resolve({ rows: statement.all(...parameters) as R[] });
      }
      const { changes, lastInsertRowid } = statement.run(...parameters);
      return Promise.resolve({ rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // biome-ignore lint/correctness/useYield: Kysely's interface; nothing here reads without an end.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming is not used; read in pages");
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#database.close();
  }

  /** The database is in this process: running a statement for each row costs less than any way to hand over all of them at once. */
  #insert({ table, columns, values, conflict }: InsertOfRows["insert"]): void {
    const places = columns.map(() => "?").join(", ");
    const text = `insert into "${table}" ("${columns.join('", "')}") values (${places})${conflictText(conflict)}`;
    const statement = this.#prepare(text);
    for (const row of values) statement.run(...row);
  }

  #prepare(text: string): Statement {
    const known = this.#statements.get(text);
    if (known) {
      this.#statements.delete(text);
      this.#statements.set(text, known);
      return known;
    }
    const statement = this.#database.prepare(text);
    this.#statements.set(text, statement);
    if (this.#statements.size > STATEMENTS_KEPT) {
      const [oldest, unused] = this.#statements.entries().next().value as [string, Statement];
      this.#statements.delete(oldest);
      unused.finalize();
    }
    return statement;
  }
}

/** A pool of equal SQLite connections; a transaction holds one until it ends, others wait their turn. */
export class SqlitePoolDriver implements Driver {
  readonly #open: () => SqliteDatabase;
  readonly #size: number;
  readonly #begin: string;
  readonly #all: SqliteConnection[] = [];
  readonly #free: SqliteConnection[] = [];
  readonly #waiting: ((connection: SqliteConnection) => void)[] = [];

  constructor(open: () => SqliteDatabase, pool: { size: number; begin: string }) {
    this.#open = open;
    this.#size = pool.size;
    this.#begin = pool.begin;
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    const free = this.#free.pop();
    if (free) return Promise.resolve(free);
    if (this.#all.length < this.#size) {
      const connection = new SqliteConnection(this.#open());
      this.#all.push(connection);
      return Promise.resolve(connection);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const next = this.#waiting.shift();
    if (next) next(connection as SqliteConnection);
    else this.#free.push(connection as SqliteConnection);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(statement(this.#begin));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(statement("commit"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // A full disk, for one, has SQLite roll back by itself: a second time would hide the cause.
    if ((connection as SqliteConnection).inTransaction) await connection.executeQuery(statement("rollback"));
  }

  async destroy(): Promise<void> {
    for (const connection of this.#all) connection.close();
    this.#all.length = 0;
    this.#free.length = 0;
  }
}

export function statement(text: string): CompiledQuery {
  return { sql: text, parameters: [], query: undefined as never, queryId: undefined as never };
}
