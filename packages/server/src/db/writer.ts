import type { Kysely } from "kysely";
import type { Clock } from "../lib/clock.ts";
import { nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { truncateJournal } from "./dialect.ts";
import { entriesIn, type NamedEntry, type ProcedureTable } from "./procedures.ts";
import type { Schema } from "./schema.ts";
import type { InputOf, LoggedEvent, Outcome, Procedure, ResultOf } from "./transaction.ts";
import {
  type CarriedError,
  carryError,
  revivedError,
  TimeBehind,
  type WriteRequest,
  type WrittenBatch,
  writeBatch,
} from "./write-batch.ts";
import { type Queued, WriteQueue } from "./write-queue.ts";

/**
 * The one way to change the database. Waiting writes share a transaction (group commit); a promise resolves after the
 * commit is on the disk and its events have been announced on this node.
 */
export interface Writes {
  /**
   * Runs a write procedure of the table (`src/writes.ts`), given as the function itself.
   * @throws ProblemError as the procedure refuses; `overloaded` when too many wait.
   */
  run<P extends Procedure>(procedure: P, input: InputOf<P>): Promise<ResultOf<P>>;
  /**
   * For work that can wait, such as removing what is old: runs alone, one at a time, when no other write waits. A write
   * that comes meanwhile waits for this one, so it must be short.
   * @throws ProblemError `draining` also when it has not begun before the close
   */
  runWhenIdle<P extends Procedure>(procedure: P, input: InputOf<P>): Promise<ResultOf<P>>;
  /**
   * Has what was removed leave the database's journal too, between two batches.
   * @returns false when somebody is reading what was before; try again later
   */
  truncateJournal(): Promise<boolean>;
  /** Waits for what was accepted by `run`, then closes. Later calls are refused. */
  close(): Promise<void>;
}

/** Told of each committed batch before its callers are; in the order of position. Must not fail: the writes stand. */
export type OnCommitted = (events: LoggedEvent[]) => void | Promise<void>;

/** Runs one batch somewhere: in this thread or in another. */
export interface BatchRunner {
  run(requests: WriteRequest[]): Promise<BatchReply>;
  /** Between two batches only. */
  truncateJournal(): Promise<boolean>;
  close(): Promise<void>;
}

/** Plain data, so that it crosses threads. */
export type BatchReply =
  | { outcomes: ({ ok: true; value: unknown } | { ok: false; error: CarriedError })[]; events: LoggedEvent[] }
  | { failed: CarriedError };

/** What runs when idle is asked for by the server alone, one after another. */
const IDLE_MAX = CAPS.idleWrites.count;
/** Fewer than this are gathered for as long as more arrive, since a sync of the disk costs more than they do. */
const GATHERED_MIN = 8;
/** A server that has closed its database is about to end; another one answers then. */
const RETRY_AFTER_CLOSE_MS = 5000;

interface Waiting extends Queued {
  readonly request: WriteRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Gathers writes into batches, in turn by person (`write-queue.ts`): one batch runs while the next one fills. */
export class GroupWriter implements Writes {
  readonly #runner: BatchRunner;
  readonly #entries: ReadonlyMap<Procedure, NamedEntry>;
  readonly #onCommitted: OnCommitted;
  readonly #waiting = new WriteQueue<Waiting>();
  readonly #whenIdle: Waiting[] = [];
  /** Called between two batches. */
  #betweenBatches: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;
  /** Requests of the newest batch. */
  #lastBatch: number = CAPS.batchRequests.count;
  #closed = false;

  /** @param table the one that the runner's thread has */
  constructor(runner: BatchRunner, table: ProcedureTable, onCommitted: OnCommitted = () => {}) {
    this.#runner = runner;
    this.#entries = entriesIn(table);
    this.#onCommitted = onCommitted;
  }

  /** What waits for a batch, without what can wait. */
  get waiting(): { requests: number; rows: number } {
    return { requests: this.#waiting.size, rows: this.#waiting.rows };
  }

  run<P extends Procedure>(procedure: P, input: InputOf<P>): Promise<ResultOf<P>> {
    return this.#enqueue(procedure, input, (waiting) => this.#waiting.offer(waiting));
  }

  runWhenIdle<P extends Procedure>(procedure: P, input: InputOf<P>): Promise<ResultOf<P>> {
    const waits = this.#whenIdle;
    return this.#enqueue(procedure, input, (waiting) => waits.length < IDLE_MAX && waits.push(waiting) > 0);
  }

  truncateJournal(): Promise<boolean> {
    if (this.#closed) return Promise.reject(closing());
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#betweenBatches.push(() => this.#runner.truncateJournal().then(resolve, reject));
    this.#running ??= this.#drain();
    return promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#whenIdle.splice(0)) reject(closing());
    await this.#running;
    await this.#runner.close();
  }

  /** @param offer adds it where it waits, or says no */
  #enqueue<P extends Procedure>(
    procedure: P,
    input: InputOf<P>,
    offer: (waiting: Waiting) => boolean,
  ): Promise<ResultOf<P>> {
    const entry = this.#entries.get(procedure);
    if (!entry) throw new Error(`${procedure.name} is not in the table of write procedures`);
    if (this.#closed) return Promise.reject(closing());
    const { name, share } = entry;
    return new Promise((resolve, reject) => {
      const accepted = offer({
        by: share.by(input as never),
        rows: share.rows(input as never),
        request: { name, input },
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      if (!accepted) {
        return reject(new ProblemError("overloaded", "Too many writes are waiting", { retryAfterMs: 1000 }));
      }
      this.#running ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    await this.#gather();
    for (;;) {
      for (const work of this.#betweenBatches.splice(0)) await work();
      // A caller that was answered just now may have asked again: that comes first.
      if (this.#waiting.size === 0 && this.#whenIdle.length > 0) await nextTurn();
      const batch = this.#waiting.size > 0 ? this.#waiting.take() : this.#whenIdle.splice(0, 1);
      if (batch.length === 0 && this.#betweenBatches.length > 0) continue;
      if (batch.length === 0) break;
      await this.#runBatch(batch);
    }
    this.#running = undefined;
  }

  /**
   * What is sent at once is written together, though sockets become readable one after another: waits until a turn of the
   * loop brings no further write. With a lone one that is a turn. It does not wait for more than half of the last batch: callers who
   * ask again as soon as they are answered would otherwise all wait for one batch, and this thread and the writer's would take turns
   * instead of working at the same time.
   */
  async #gather(): Promise<void> {
    const enough = Math.max(GATHERED_MIN, this.#lastBatch / 2);
    let gathered: number;
    do {
      gathered = this.#waiting.size;
      await nextTurn();
    } while (this.#waiting.size > gathered && this.#waiting.size < enough);
  }

  async #runBatch(batch: Waiting[]): Promise<void> {
    this.#lastBatch = batch.length;
    try {
      const reply = await this.#runner.run(batch.map((waiting) => waiting.request));
      if ("failed" in reply) throw revivedError(reply.failed);
      if (reply.events.length > 0) await this.#onCommitted(reply.events);
      for (const [index, waiting] of batch.entries()) {
        const outcome = reply.outcomes[index];
        if (outcome?.ok) waiting.resolve(outcome.value);
        else waiting.reject(outcome ? revivedError(outcome.error) : new Error("the writer lost an outcome"));
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error as Error);
    }
  }
}

/**
 * Runs batches on a connection of the calling thread. The thread of the gateway does not: a sync would stop it. Here a batch
 * gets its time: the clock's, and never one before that of an earlier batch.
 */
export class DatabaseRunner implements BatchRunner {
  readonly #db: Kysely<Schema>;
  readonly #table: ProcedureTable;
  readonly #clock: Clock;
  readonly #uptime: () => number;
  /** The time of the newest batch, and the uptime at which it got it. */
  #latest = 0;
  #latestAt = 0;

  constructor(parts: { db: Kysely<Schema>; table: ProcedureTable; clock: Clock; uptime: () => number }) {
    this.#db = parts.db;
    this.#table = parts.table;
    this.#clock = parts.clock;
    this.#uptime = parts.uptime;
  }

  async run(requests: WriteRequest[]): Promise<BatchReply> {
    try {
      const { outcomes, events } = await this.#write(requests);
      return { outcomes: outcomes.map(carried), events };
    } catch (error) {
      return { failed: carryError(error as Error) };
    }
  }

  async #write(requests: readonly WriteRequest[]): Promise<WrittenBatch> {
    for (;;) {
      const clockNow = this.#clock.now();
      const now = this.#next(clockNow);
      try {
        return await writeBatch({ db: this.#db, table: this.#table, now, clockNow }, requests);
      } catch (error) {
        // Nothing of it stays. With the log's own time it is behind nothing; another process may have written again.
        if (!(error instanceof TimeBehind)) throw error;
        this.#latest = error.logAt;
      }
    }
  }

  /**
   * The clock's time, or, while that is behind the newest batch, a time that goes on at half the clock's pace. So the clock catches up with it, and what is
   * counted in this time, such as the age of a message, takes twice as long rather than for ever.
   */
  #next(clockNow: number): number {
    const uptime = this.#uptime();
    const sinceLatest = uptime - this.#latestAt;
    if (clockNow >= this.#latest) this.#latest = clockNow;
    else if (sinceLatest < 2) return this.#latest;
    else this.#latest = Math.max(clockNow, this.#latest + Math.floor(sinceLatest / 2));
    this.#latestAt = uptime;
    return this.#latest;
  }

  truncateJournal(): Promise<boolean> {
    return truncateJournal(this.#db);
  }

  close(): Promise<void> {
    return this.#db.destroy();
  }
}

function carried(outcome: Outcome<unknown> | { ok: false; error: Error }) {
  return outcome.ok ? outcome : ({ ok: false, error: carryError(outcome.error) } as const);
}

function closing(): ProblemError {
  return new ProblemError("draining", undefined, { retryAfterMs: RETRY_AFTER_CLOSE_MS });
}
