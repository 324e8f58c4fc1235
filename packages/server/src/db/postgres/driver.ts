import type { DatabaseConnection, Driver } from "kysely";
import { after, type Stop } from "../../lib/interval.ts";
import type { PostgresConnection } from "./connection.ts";
import { ConnectionLost } from "./faults.ts";

/** How long a statement waits for a connection. */
const WAIT_MS = 10_000;
/** A connection that nobody has used for this long is replaced, because a router on the way may have forgotten it. */
const STALE_MS = 60_000;
/** When no further connection could be opened, no other is tried for this long, and the existing ones have to do. */
const NO_MORE_MS = 1000;

export interface PoolParts {
  /** The most connections. */
  readonly size: number;
  /** Begins a transaction. */
  readonly begin: string;
  /** How long a transaction may last; while it does, rows that others have removed stay on the disk. Absent: for ever. */
  readonly holdMs?: number;
}

interface Waiting {
  readonly resolve: (connection: PostgresConnection) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Equal connections, opened when they are needed. A transaction holds one until it ends; others wait their turn, but not for ever. When one is
 * lost, all unused ones are closed, since what ended it has usually ended those too. Where the database allows fewer connections, fewer do the work.
 */
export class PostgresPool implements Driver {
  readonly #open: () => Promise<PostgresConnection>;
  readonly #parts: PoolParts;
  readonly #all = new Set<PostgresConnection>();
  /** The one that was used last comes last. */
  readonly #free: { readonly connection: PostgresConnection; readonly since: number }[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #ends = new Map<DatabaseConnection, Stop>();
  /** Connections that are being opened. */
  #opening = 0;
  /** No more are opened until then. */
  #noMoreUntil = 0;
  #isClosed = false;

  constructor(open: () => Promise<PostgresConnection>, parts: PoolParts) {
    this.#open = open;
    this.#parts = parts;
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    if (this.#isClosed) return Promise.reject(new ConnectionLost("the database is closed"));
    const free = this.#takeFree();
    if (free) return Promise.resolve(free);
    const { promise, resolve, reject } = Promise.withResolvers<PostgresConnection>();
    const stop = after(WAIT_MS, () =>
      waiting.reject(new ConnectionLost(`no connection was free for ${WAIT_MS / 1000} s`)),
    );
    const settled = () => {
      stop();
      this.#waiting.delete(waiting);
    };
    const waiting: Waiting = {
      resolve: (connection) => {
        settled();
        resolve(connection);
      },
      reject: (error) => {
        settled();
        reject(error);
      },
    };
    this.#waiting.add(waiting);
    this.#openForThoseWhoWait();
    return promise;
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const released = connection as PostgresConnection;
    if (!released.isLost && !this.#isClosed) return this.#give(released);
    this.#all.delete(released);
    for (const { connection } of this.#free.splice(0)) this.#discard(connection);
    this.#openForThoseWhoWait();
  }

  // Nobody waits for the answers of these three. They are sent before or after the statements of the transaction, whose senders learn of a
  // connection that is gone.
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const { begin, holdMs } = this.#parts;
    const held = connection as PostgresConnection;
    if (holdMs !== undefined) {
      const end = () => held.abandon(new Error(`a reader took longer than ${holdMs / 1000} s`));
      this.#ends.set(held, after(holdMs, end));
    }
    unheard(held.run(begin));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    this.#end(connection, "commit");
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    this.#end(connection, "rollback");
  }

  async destroy(): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of [...this.#waiting]) reject(new ConnectionLost("the database is closed"));
    await Promise.all([...this.#all].map((connection) => connection.close()));
    this.#all.clear();
    this.#free.length = 0;
  }

  #end(connection: DatabaseConnection, text: "commit" | "rollback"): void {
    this.#ends.get(connection)?.();
    this.#ends.delete(connection);
    unheard((connection as PostgresConnection).run(text));
  }

  #takeFree(): PostgresConnection | undefined {
    for (let last = this.#free.pop(); last; last = this.#free.pop()) {
      const { connection, since } = last;
      if (!connection.isLost && performance.now() - since < STALE_MS) return connection;
      this.#discard(connection);
    }
    return undefined;
  }

  #give(connection: PostgresConnection): void {
    const [next] = this.#waiting;
    if (next) next.resolve(connection);
    else this.#free.push({ connection, since: performance.now() });
  }

  #discard(connection: PostgresConnection): void {
    this.#all.delete(connection);
    unheard(connection.close());
  }

  #openForThoseWhoWait(): void {
    if (performance.now() < this.#noMoreUntil && this.#all.size > 0) return;
    while (this.#opening < this.#waiting.size && this.#all.size + this.#opening < this.#parts.size)
      void this.#openOne();
  }

  async #openOne(): Promise<void> {
    this.#opening += 1;
    try {
      const connection = await this.#open();
      this.#opening -= 1;
      if (this.#isClosed) return unheard(connection.close());
      this.#all.add(connection);
      this.#give(connection);
    } catch (error) {
      this.#opening -= 1;
      this.#noMoreUntil = performance.now() + NO_MORE_MS;
      // Otherwise those who wait get a connection when another one gives it back.
      if (this.#all.size === 0 && this.#opening === 0) for (const { reject } of [...this.#waiting]) reject(error);
    }
  }
}

function unheard(answer: Promise<unknown>): void {
  answer.catch(() => {});
}
