import { Database as SqliteDatabase } from "bun:sqlite";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  type RawBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from "kysely";
import { type Cell, Given, preparedBy } from "./prepared.ts";
import type { Schema } from "./schema.ts";

/**
 * The only file that knows what differs between databases. Queries elsewhere are plain Kysely; what cannot be said in
 * both is a function here.
 */

/** Statements kept compiled per connection; bun:sqlite's own cache holds 20 and costs 8-10 us beyond. */
const STATEMENTS_KEPT = 400;

type Statement = ReturnType<SqliteDatabase["prepare"]>;
type Bound = Parameters<Statement["all"]>;

/** A statement that is run once for each row. */
interface RowByRow extends CompiledQuery {
  readonly rows: readonly (readonly Cell[])[];
}

/** A bun:sqlite connection behind Kysely. It is synchronous: what it costs, it costs the calling thread. */
class SqliteConnection implements DatabaseConnection {
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
      const statement = this.#prepare(query.sql);
      if (isRowByRow(query)) {
        for (const row of query.rows) statement.run(...row);
        return Promise.resolve({ rows: [] });
      }
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
class SqlitePoolDriver implements Driver {
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

function statement(text: string): CompiledQuery {
  return { sql: text, parameters: [], query: undefined as never, queryId: undefined as never };
}

function isRowByRow(query: CompiledQuery): query is RowByRow {
  return "rows" in query;
}

const WRITER_BUSY_TIMEOUT = "pragma busy_timeout = 5000";

/** Connection settings of the one writer: durable at commit (FULL), readers never wait for it (WAL). */
const WRITER_PRAGMAS = [
  "pragma journal_mode = wal",
  "pragma synchronous = full",
  "pragma foreign_keys = on",
  WRITER_BUSY_TIMEOUT,
  "pragma temp_store = memory",
  "pragma cache_size = -65536",
  // What is removed is overwritten, so that a text that was taken back is not in the file any more.
  "pragma secure_delete = on",
];

const READER_PRAGMAS = ["pragma busy_timeout = 5000", "pragma cache_size = -16384", "pragma query_only = on"];

/** The one connection that writes. */
export function writerDialect(path: string): Dialect {
  return sqliteDialect(() => openFile(path, WRITER_PRAGMAS), { size: 1, begin: "begin immediate" });
}

/** Connections that cannot write, opened at their first use; a transaction on one is a snapshot. */
export function readerDialect(path: string, connections: number): Dialect {
  return sqliteDialect(() => openFile(path, READER_PRAGMAS), { size: connections, begin: "begin" });
}

/**
 * Locks a file for as long as this process lives, by an empty database that is used for its lock alone: SQLite knows how to
 * lock a file on every system.
 * @returns what releases it; undefined when another process holds it
 */
export function holdExclusively(path: string): (() => void) | undefined {
  const lock = new SqliteDatabase(path, { create: true, readwrite: true });
  try {
    lock.run("pragma journal_mode = memory");
    lock.run("begin exclusive");
  } catch (error) {
    lock.close();
    if (codeOf(error) === "SQLITE_BUSY") return undefined;
    throw error;
  }
  return () => lock.close();
}

/**
 * Copies a database as it is at this moment into an empty file, in SQLite's own way: from one snapshot, which keeps neither readers nor the
 * writer waiting. What is in the journal comes along, free space does not, and the copy has no journal of its own.
 * @throws NotOpened where `from` is what cannot be opened
 */
export function copyDatabase(from: string, to: string): void {
  const database = openReadOnly(from);
  try {
    database.run("vacuum into ?", [to]);
  } finally {
    database.close();
  }
}

/** Reads a whole file, and looks whether indexes and tables agree. @returns what is damaged in it, in SQLite's words; undefined: nothing. @throws NotOpened */
export function damageIn(path: string): string | undefined {
  const database = openReadOnly(path);
  try {
    const [first] = database.query<{ integrity_check: string }, []>("pragma integrity_check(1)").all();
    return first?.integrity_check === "ok" ? undefined : first?.integrity_check;
  } finally {
    database.close();
  }
}

function openReadOnly(path: string): SqliteDatabase {
  try {
    return new SqliteDatabase(path, { readonly: true });
  } catch (cause) {
    throw new NotOpened(`${path} could not be opened`, { cause });
  }
}

/** SQLite did not open a file: whatever it says, the file is what is wrong. */
class NotOpened extends Error {
  override readonly name = "NotOpened";
}

/** What is wrong with the file, by the first two words of SQLite's code. Other codes are about what was asked of it. */
const FILE_FAULTS: Readonly<Record<string, string>> = {
  SQLITE_NOTADB: "is not a database; DATA_DIR says where to look",
  SQLITE_CORRUPT: "is damaged; restore a backup",
  SQLITE_FULL: "cannot grow, since its disk is full",
  SQLITE_IOERR: "cannot be read or written, says the disk",
  SQLITE_READONLY: "cannot be written to by this user",
  SQLITE_CANTOPEN: "cannot be opened; it has to be a file that this user may read and write",
  SQLITE_PERM: "cannot be opened by this user",
  SQLITE_BUSY: "is locked by another program",
};

/** Nothing that waiting helps against. */
const LASTING: ReadonlySet<string> = new Set(["SQLITE_NOTADB", "SQLITE_CORRUPT"]);

/** What is wrong with the file of a database, to be said after its name; undefined for an error that is not about the file. */
export function fileFault(error: unknown): string | undefined {
  const cause = error instanceof NotOpened ? error.cause : error;
  const fault = FILE_FAULTS[kindOf(cause)];
  if (fault === undefined && cause === error) return undefined;
  return `${fault ?? "is not a database that this version can read"} (SQLite: ${cause instanceof Error ? cause.message : cause}).`;
}

/** The same for a fault of a database that was in use already, where it may pass by itself or by what an operator does meanwhile. */
export function passingFault(error: unknown): string | undefined {
  return LASTING.has(kindOf(error)) ? undefined : fileFault(error);
}

/** The kind of what SQLite says. That the file beside the database which its connections share cannot grow has a code of its own. */
function kindOf(error: unknown): string {
  const code = codeOf(error);
  return code === "SQLITE_IOERR_SHMSIZE" ? "SQLITE_FULL" : code.split("_", 2).join("_");
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** @throws NotOpened */
function openFile(path: string, pragmas: readonly string[]): SqliteDatabase {
  let database: SqliteDatabase | undefined;
  try {
    database = new SqliteDatabase(path, { create: true, readwrite: true });
    for (const pragma of pragmas) database.run(pragma);
    return database;
  } catch (cause) {
    database?.close();
    throw new NotOpened(`${path} could not be opened`, { cause });
  }
}

function sqliteDialect(
  open: () => SqliteDatabase,
  pool: { size: number; begin: "begin" | "begin immediate" },
): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqlitePoolDriver(open, pool),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** A list of values as one bound parameter, so that the statement's text does not depend on how many there are. */
export function inList<T extends number | string>(values: readonly T[] | Given): RawBuilder<T> {
  return sql<T>`(select value from json_each(${asJson(values)}))`;
}

function asJson(values: readonly unknown[] | Given): string | Given {
  return values instanceof Given ? values : JSON.stringify(values);
}

/**
 * Inserts many rows, as one query of Kysely: the database is in this process, so running its statement for each row costs
 * less than any way to hand over all of them at once. Throws at the first that fails; those before it are in, until the
 * transaction is undone.
 * @param conflict what follows the rows, such as `on conflict (stream) do update set seq = excluded.seq`; without parameters
 */
export async function insertRows<T extends keyof Schema & string>(
  db: Kysely<Schema>,
  table: T,
  rows: {
    columns: readonly (keyof Schema[T] & string)[];
    values: readonly (readonly Cell[])[];
    conflict?: string;
  },
): Promise<void> {
  if (rows.values.length === 0) return;
  const places = rows.columns.map(() => "?").join(", ");
  const text = `insert into "${table}" ("${rows.columns.join('", "')}") values (${places}) ${rows.conflict ?? ""}`;
  const query: RowByRow = { ...statement(text), rows: rows.values };
  await db.executeQuery(query);
}

/**
 * Rows from one bound parameter, to join with or to update from; the statement's text does not depend on how many there are.
 * Use as `selectFrom(boundRows<{ uid: number }>(["uid"], rows).as("asked"))`.
 */
export function boundRows<R>(
  columns: readonly (keyof R & string)[],
  values: readonly (readonly Cell[])[] | Given,
): RawBuilder<R> {
  const picks = columns.map((column, index) => sql`value ->> ${sql.lit(index)} as ${sql.ref(column)}`);
  return sql<R>`(select ${sql.join(picks)} from json_each(${asJson(values)}))`;
}

/**
 * Takes `count` positions of the log, inside the writing transaction: rising, in the order of commit.
 * With one writer a reader never sees a position while a lower one is still open; with several, what is settled has to be asked.
 * @param now epoch milliseconds, the batch's time; the log's row keeps the latest one that it was given
 * @returns the last position taken (the first is `count - 1` before it), and the latest time
 */
export async function takePositions(
  db: Kysely<Schema>,
  { count, now }: { count: number; now: number },
): Promise<{ pos: number; at: number }> {
  const [row] = await movedEnd(db, { count, now });
  return row as { pos: number; at: number };
}

const movedEnd = preparedBy(["count", "now"], (db, { count, now }) =>
  db
    .updateTable("log")
    .set({ pos: sql`pos + ${count}`, at: sql`max(at, ${now})` })
    .returning(["pos", "at"]),
);

/**
 * Writes the journal into the file and makes it empty, so that what was removed is not there either. Does nothing while somebody reads what
 * was before, since waiting for them would hold the writer up. @returns whether it is empty now
 */
export async function truncateJournal(db: Kysely<Schema>): Promise<boolean> {
  await db.executeQuery(statement("pragma busy_timeout = 0"));
  try {
    const { rows } = await db.executeQuery<{ busy: number }>(statement("pragma wal_checkpoint(truncate)"));
    return rows[0]?.busy === 0;
  } finally {
    await db.executeQuery(statement(WRITER_BUSY_TIMEOUT));
  }
}

/** How many rows this connection has changed so far, also in what was undone since. Two answers that differ: something was written. */
export async function changesSoFar(db: Kysely<Schema>): Promise<number> {
  const { rows } = await db.executeQuery<{ changes: number }>(statement("select total_changes() as changes"));
  return (rows[0] as { changes: number }).changes;
}

/** Column type of a key that the database numbers itself, never using one again. */
export const NUMBERED_KEY = sql`integer primary key autoincrement`;

/** Column type of a key that we number: SQLite makes an "integer primary key" the row's own number, 64 bits wide. */
export const NUMBER_KEY = sql`integer primary key`;

/** Ends the making of a table whose rows lie in the order of their primary key, with no second tree for the key. */
export const CLUSTERED = sql`without rowid`;

/** Makes a numbered table that has had a row continue at `next`. */
export async function startNumbering(db: Kysely<unknown>, table: string, next: number): Promise<void> {
  await sql`update sqlite_sequence set seq = ${next - 1} where name = ${table}`.execute(db);
}
