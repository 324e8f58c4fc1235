import { Kysely, type Logger, sql } from "kysely";
import { randomHex } from "../../lib/ids.ts";
import { delay, nextTurn } from "../../lib/interval.ts";
import type { BatchTimes } from "../batch-time.ts";
import { OneConnection } from "../one-connection.ts";
import { prepared, preparedBy } from "../prepared.ts";
import type { Schema } from "../schema.ts";
import { begunTransaction, failureOf, sent, type WriteTransaction } from "../transaction.ts";
import type { WritingConnection } from "../writing-connection.ts";
import type { PostgresConnection } from "./connection.ts";
import { postgresDialect } from "./dialect.ts";
import { ConnectionLost, PostgresUnusable, passingFault } from "./faults.ts";
import { BEGIN, LOCK, LOCK_MS, locked } from "./lock.ts";
import { pacedTime } from "./log-time.ts";
import type { PostgresPlace } from "./place.ts";
import { openSession } from "./session.ts";
import { settledEpoch } from "./timeline.ts";

/** How long the writer tries to learn what became of a commit whose answer was lost. */
const DOUBT_MS = 10_000;
const DOUBT_AGAIN_MS = 200;
/** When another writer starts, it removes rows of `writers` that are older than this. No writer is in doubt about a commit for this long. */
const FORGET_MS = 3_600_000;

/** The log's row, as it is under the lock. */
interface LogRow {
  pos: number;
  at: number;
  caughtUpAt: number | null;
}

/** What is read behind the lock. */
interface Locked {
  hasLease: 0 | 1;
  clock: number;
}

interface Begun {
  readonly connection: PostgresConnection;
  readonly row: LogRow & Locked;
  /** Its round trips until then. */
  readonly before: number;
}

/** The connection of this process that writes to PostgreSQL. It is opened again when it is lost; other nodes write in turn with it. */
export class PostgresWriter implements WritingConnection {
  readonly #place: PostgresPlace;
  readonly #times: BatchTimes | undefined;
  readonly #db: Kysely<Schema>;
  /** Names this writer in `writers`. */
  readonly #node: string;
  #batch = 0;
  /** The database's, when this writer first looked. */
  #epoch: string | undefined;
  #connection: PostgresConnection | undefined;

  /** @param parts.times another time than the database's, for tests */
  constructor(place: PostgresPlace, { times, log }: { times?: BatchTimes | undefined; log?: Logger | undefined } = {}) {
    this.#place = place;
    this.#node = place.node ?? randomHex(64);
    this.#times = times;
    const dialect = postgresDialect(() => new OneConnection(() => this.#current()));
    this.#db = new Kysely<Schema>({ dialect, ...(log && { log }) });
  }

  async transaction<T>(work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
    const { connection, row, before } = await this.#begun();
    if (row.hasLease === 0) {
      await rolledBack(connection);
      throw new PostgresUnusable("This node counts as dead there, because its lease was not renewed.");
    }
    const { caughtUpAt, ...times } = this.#timesOf(row);
    const tx = begunTransaction({
      db: this.#db,
      ...times,
      end: { pos: row.pos },
      changesSoFar: async () => connection.changes,
      roundTrips: () => connection.roundTrips - before,
    });
    let result: T;
    try {
      result = await work(tx);
    } catch (error) {
      const cause = await failureOf(tx.unanswered);
      await rolledBack(connection);
      // After a statement that failed unnoticed, each further one fails because of it.
      throw cause ? cause.reason : error;
    }
    // One that finds the log ahead has the log's own time, so it need not log anything to say so.
    const hasMoved = tx.end.pos > row.pos || caughtUpAt !== row.caughtUpAt;
    await this.#commit(connection, tx, hasMoved ? { pos: tx.end.pos, at: tx.now, caughtUpAt } : undefined);
    return result;
  }

  /** Nothing to do: PostgreSQL itself removes what was deleted. */
  async truncateJournal(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #timesOf({ at, clock, caughtUpAt }: Begun["row"]) {
    if (this.#times) return { ...this.#times.next(at), caughtUpAt };
    return { clockNow: clock, ...pacedTime({ at, clock, caughtUpAt }) };
  }

  /** Begins a transaction. If the connection turns out to be gone, it uses a new one, since nothing was asked yet. */
  async #begun(): Promise<Begun> {
    const used = this.#connection;
    if (used && !used.isLost) {
      try {
        return await this.#begin(used);
      } catch (error) {
        if (!used.isLost) throw error;
      }
    }
    return this.#begin(await this.#connected());
  }

  async #begin(connection: PostgresConnection): Promise<Begun> {
    const before = connection.roundTrips;
    const sent: Promise<unknown>[] = BEGIN.map((text) => connection.run(text));
    const lock = connection.run<LogRow>(LOCK, LOCK_MS);
    const behind = connection.run<Locked>(locked(this.#place.node));
    sent.push(lock, behind);
    const failed = await failureOf(sent);
    if (failed) {
      await rolledBack(connection);
      throw failed.reason;
    }
    const [row, read] = [(await lock).rows[0] as LogRow, (await behind).rows[0] as Locked];
    return { connection, row: { ...row, ...read }, before };
  }

  /**
   * Sends the end of the batch after everything that the procedures have sent, without waiting for the answers to that. @param end undefined: the log's
   * row stays as it is
   */
  async #commit(connection: PostgresConnection, tx: WriteTransaction, end: LogRow | undefined): Promise<void> {
    this.#batch += 1;
    const batch = this.#batch;
    // On a connection that is gone these fail before anybody waits for them.
    if (end) sent(tx, moveEnd(this.#db, { ...end }));
    sent(tx, markBatch(this.#db, { node: this.#node, batch, at: tx.now }));
    if (batch === 1) sent(tx, forgetOldWriters(this.#db, tx.now - FORGET_MS));
    // Kysely takes some steps before a statement reaches the connection. By the next turn all of them have.
    await nextTurn();
    const isSent = !connection.isLost;
    // PostgreSQL's timeouts do not include the wait for a synchronous standby; the connection's own deadline does.
    const failed = await failureOf([...tx.unanswered, connection.commit()]);
    if (!failed) return;
    if (isSent && connection.isLost && (await this.#wasCommitted(batch))) return;
    throw failed.reason;
  }

  /** Asks under the lock, which a commit in progress still holds. A lease that has ended since then changes nothing. @throws when the database does not come back in time */
  async #wasCommitted(batch: number): Promise<boolean> {
    const until = performance.now() + DOUBT_MS;
    for (;;) {
      try {
        const { connection } = await this.#begun();
        const [row] = await newestBatch(this.#db, { node: this.#node });
        await rolledBack(connection);
        return row?.batch === batch;
      } catch (error) {
        if (passingFault(error) === undefined || performance.now() > until) throw error;
        await delay(DOUBT_AGAIN_MS);
      }
    }
  }

  async #connected(): Promise<PostgresConnection> {
    if (this.#connection && !this.#connection.isLost) return this.#connection;
    const connection = await openSession(this.#place.url, "write");
    try {
      const [epoch] = await Promise.all([settledEpoch(connection, this.#place), connection.readColumnTypes()]);
      this.#epoch ??= epoch;
      if (epoch !== this.#epoch) throw new PostgresUnusable("Its epoch has changed since this server started.");
    } catch (error) {
      connection.abandon(error);
      throw error;
    }
    this.#connection = connection;
    return connection;
  }

  #current(): PostgresConnection {
    if (!this.#connection) throw new ConnectionLost("the connection to PostgreSQL is gone");
    return this.#connection;
  }
}

/** A connection on which this fails is in an unknown state, and is no longer used. */
async function rolledBack(connection: PostgresConnection): Promise<void> {
  await connection.run("rollback").catch((error) => connection.abandon(error));
}

const moveEnd = preparedBy(["pos", "at", "caughtUpAt"], (db, { pos, at, caughtUpAt }) =>
  db
    .updateTable("log")
    .set({ pos: sql<number>`${pos}`, at: sql<number>`${at}`, caught_up_at: sql<number | null>`${caughtUpAt}` }),
);

const markBatch = preparedBy(["node", "batch", "at"], (db, { node, batch, at }) =>
  db
    .insertInto("writers")
    .values({ node: sql<string>`${node}`, batch: sql<number>`${batch}`, at: sql<number>`${at}` })
    .onConflict((conflict) =>
      conflict.column("node").doUpdateSet({ batch: sql<number>`excluded.batch`, at: sql<number>`excluded.at` }),
    ),
);

/** Removes the rows of writers that have written nothing since; a writer that is only idle gets its row back with its next batch. */
const forgetOldWriters = prepared((db, before) => db.deleteFrom("writers").where("at", "<", sql<number>`${before}`));

const newestBatch = preparedBy(["node"], (db, { node }) =>
  db.selectFrom("writers").select("batch").where("node", "=", sql<string>`${node}`),
);
