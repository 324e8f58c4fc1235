import { Database as SqliteDatabase } from "bun:sqlite";
import {
  type Dialect,
  type Driver,
  type Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
  type ValueNode,
} from "kysely";
import { BoundList, BoundRows, Wording } from "../bound.ts";
import type { OwnAdapter } from "../own-adapter.ts";
import { type Given, overGiven } from "../prepared.ts";
import { SqliteConnection, SqlitePoolDriver } from "./connection.ts";
import { NotOpened } from "./faults.ts";

/** SQLite behind Kysely. */

export const WRITER_BUSY_TIMEOUT = "pragma busy_timeout = 5000";

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

/** The connection that writes, for transactions of Kysely's own, as migrations are. */
export function writerDialect(path: string): Dialect {
  const open = () => openFile(path, WRITER_PRAGMAS);
  return sqliteDialect(() => new SqlitePoolDriver(open, { size: 1, begin: "begin immediate" }));
}

export function openWriterConnection(path: string): SqliteConnection {
  return new SqliteConnection(openFile(path, WRITER_PRAGMAS));
}

/** Connections that cannot write, opened at their first use; a transaction on one is a snapshot. */
export function readerDialect(path: string, connections: number): Dialect {
  const open = () => openFile(path, READER_PRAGMAS);
  return sqliteDialect(() => new SqlitePoolDriver(open, { size: connections, begin: "begin" }));
}

export function sqliteDialect(createDriver: () => Driver): Dialect {
  return {
    createAdapter: () => ADAPTER,
    createDriver,
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteCompiler(),
  };
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

class SqliteOwnAdapter extends SqliteAdapter implements OwnAdapter {
  readonly kind = "sqlite";

  async startNumbering(db: Kysely<unknown>, { table, next }: { table: string; next: number }): Promise<void> {
    await sql`update sqlite_sequence set seq = ${next - 1} where name = ${table}`.execute(db);
  }

  // There is one writer, and a file's schema changes only while no server uses it.
  async keepWritersOut(): Promise<void> {}
}

const ADAPTER = new SqliteOwnAdapter();

const WORDS: Readonly<Record<Wording["means"], string>> = {
  "numbered key": "integer primary key autoincrement",
  // An "integer primary key" is the row's own number, 64 bits wide.
  "number key": "integer primary key",
  clustered: "without rowid",
};

/** Bound lists and rows cross as one JSON text: the database is in this process, so that costs little. */
class SqliteCompiler extends SqliteQueryCompiler {
  protected override visitValue(node: ValueNode): void {
    const { value } = node;
    if (value instanceof BoundList) {
      this.append("(select value from json_each(");
      this.appendValue(asJson(value.values));
      this.append("))");
    } else if (value instanceof BoundRows) {
      const picks = value.columns.map(([name], index) => `value ->> ${index} as "${name}"`);
      this.append(`(select ${picks.join(", ")} from json_each(`);
      this.appendValue(asJson(value.values));
      this.append("))");
    } else if (value instanceof Wording) this.append(WORDS[value.means]);
    else super.visitValue(node);
  }
}

function asJson(values: readonly unknown[] | Given): string | Given {
  return overGiven(values, (given) => JSON.stringify(given));
}
