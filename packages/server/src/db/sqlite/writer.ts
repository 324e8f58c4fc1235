import { Kysely, type Logger, sql } from "kysely";
import type { BatchTimes } from "../batch-time.ts";
import { OneConnection } from "../one-connection.ts";
import { prepared, preparedBy } from "../prepared.ts";
import type { Schema } from "../schema.ts";
import { begunTransaction, type WriteTransaction, worked } from "../transaction.ts";
import type { WritingConnection } from "../writing-connection.ts";
import { type SqliteConnection, statement } from "./connection.ts";
import { openWriterConnection, sqliteDialect, WRITER_BUSY_TIMEOUT } from "./dialect.ts";

/** The connection that writes to a file. Another one, of a command such as `parley user`, waits for the end of a transaction. */
export class SqliteWriter implements WritingConnection {
  readonly #path: string;
  readonly #db: Kysely<Schema>;
  readonly #times: BatchTimes;
  #opened: SqliteConnection | undefined;

  constructor(path: string, { times, log }: { times: BatchTimes; log?: Logger | undefined }) {
    this.#path = path;
    const dialect = sqliteDialect(() => new OneConnection(() => this.#connection));
    this.#db = new Kysely<Schema>({ dialect, ...(log && { log }) });
    this.#times = times;
  }

  async transaction<T>(work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
    await this.#run("begin immediate");
    try {
      const tx = await this.#begun();
      const { pos } = tx.end;
      const result = await worked(tx, work);
      if (tx.end.pos > pos) await moveEnd(this.#db, { pos: tx.end.pos, at: tx.now });
      await this.#run("commit");
      return result;
    } catch (error) {
      // A full disk, for one, has SQLite roll back by itself: a second time would hide the cause.
      if (this.#connection.inTransaction) await this.#run("rollback");
      throw error;
    }
  }

  async #begun(): Promise<WriteTransaction> {
    const [log] = await logRow(this.#db, 1);
    const { pos, at } = log as { pos: number; at: number };
    const times = this.#times.next(at);
    const told = { changesSoFar: () => this.#changesSoFar(), roundTrips: () => 0 };
    return begunTransaction({ db: this.#db, ...times, end: { pos }, ...told });
  }

  /**
   * Writes the journal into the file and makes it empty, so that what was removed is not there either. Does nothing while somebody reads what
   * was before, since waiting for them would hold the writer up.
   */
  async truncateJournal(): Promise<boolean> {
    await this.#run("pragma busy_timeout = 0");
    try {
      const { rows } = await this.#run<{ busy: number }>("pragma wal_checkpoint(truncate)");
      return rows[0]?.busy === 0;
    } finally {
      await this.#run(WRITER_BUSY_TIMEOUT);
    }
  }

  async close(): Promise<void> {
    this.#opened?.close();
    this.#opened = undefined;
  }

  get #connection(): SqliteConnection {
    this.#opened ??= openWriterConnection(this.#path);
    return this.#opened;
  }

  #run<R>(text: string) {
    return this.#connection.executeQuery<R>(statement(text));
  }

  async #changesSoFar(): Promise<number> {
    const { rows } = await this.#db.executeQuery<{ changes: number }>(statement("select total_changes() as changes"));
    return (rows[0] as { changes: number }).changes;
  }
}

const logRow = prepared((db, id) => db.selectFrom("log").select(["pos", "at"]).where("id", "=", sql<number>`${id}`));

/** Moves the log's end to the newest event of a transaction, and to its time. */
const moveEnd = preparedBy(["pos", "at"], (db, { pos, at }) =>
  db.updateTable("log").set({ pos: sql<number>`${pos}`, at: sql<number>`${at}` }),
);
