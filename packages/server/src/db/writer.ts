import { after, nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { entriesIn, type NamedEntry, type ProcedureTable } from "./procedures.ts";
import { StorageFault } from "./storage-fault.ts";
import type { InputOf, LoggedEvent, Procedure, ResultOf } from "./transaction.ts";
import { type CarriedError, revivedError, type WriteRequest } from "./write-batch.ts";
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

/**
 * Called before a write that succeeded is answered, after its events were announced: what it returns holds the answer back. `upTo`: the position of
 * the batch's last event, 0 if it logged none.
 */
export type BeforeAnswer = (procedure: Procedure, upTo: number) => Promise<void> | undefined;

/** Runs one batch somewhere: in this thread or in another. */
export interface BatchRunner {
  run(requests: WriteRequest[]): Promise<BatchReply>;
  /** Between two batches only. */
  truncateJournal(): Promise<boolean>;
  close(): Promise<void>;
}

type RunOutcome = { ok: true; value: unknown } | { ok: false; error: CarriedError };

/** Plain data, so that it crosses threads. */
export type BatchReply =
  | {
      /** Null: that request has not run, and belongs to the next batch. The first one always has. */
      outcomes: (RunOutcome | null)[];
      events: LoggedEvent[];
    }
  | { failed: CarriedError };

/** What runs when idle is asked for by the server alone, one after another. */
const IDLE_MAX = CAPS.idleWrites.count;
/** Fewer than this are gathered for as long as more arrive, since a sync of the disk costs more than they do. */
const GATHERED_MIN = 8;
/** After a fault of the database the next batch shows whether it can be used again; that takes no longer than this if it can. */
const TRY_MS = 1000;
/** A server that has closed its database is about to end; another one answers then. */
const RETRY_AFTER_CLOSE_MS = 5000;

interface Waiting extends Queued {
  readonly procedure: Procedure;
  readonly request: WriteRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Gathers writes into batches, in turn by person (`write-queue.ts`): one batch runs while the next one fills. */
export class GroupWriter implements Writes {
  readonly #runner: BatchRunner;
  readonly #entries: ReadonlyMap<Procedure, NamedEntry>;
  readonly #onCommitted: OnCommitted;
  readonly #beforeAnswer: BeforeAnswer;
  readonly #waiting = new WriteQueue<Waiting>();
  readonly #whenIdle: Waiting[] = [];
  /** What a batch has left, in order. */
  readonly #left: Waiting[] = [];
  /** Called between two batches. */
  #betweenBatches: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;
  readonly #unanswered = new Set<Promise<void>>();
  /** Requests of the newest batch. */
  #lastBatch: number = CAPS.batchRequests.count;
  /** Why the newest batch could not be written; undefined: the database works. */
  #fault: StorageFault | undefined;
  /** The same while a batch has shown for a while that nothing has changed: what comes meanwhile is refused. */
  #standsStill: StorageFault | undefined;
  #closed = false;

  /** @param table the one that the runner's thread has */
  constructor(
    runner: BatchRunner,
    table: ProcedureTable,
    onCommitted: OnCommitted = () => {},
    beforeAnswer: BeforeAnswer = () => undefined,
  ) {
    this.#runner = runner;
    this.#entries = entriesIn(table);
    this.#onCommitted = onCommitted;
    this.#beforeAnswer = beforeAnswer;
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
    // An answer that has waited for its events may have to wait once more, for the other nodes.
    while (this.#unanswered.size > 0) await Promise.all(this.#unanswered);
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
    if (this.#standsStill) return Promise.reject(this.#standsStill);
    const { name, share } = entry;
    return new Promise((resolve, reject) => {
      const accepted = offer({
        by: share.by(input as never),
        rows: share.rows(input as never),
        request: { name, input },
        procedure,
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
      const batch = this.#next();
      if (batch.length === 0 && this.#betweenBatches.length > 0) continue;
      if (batch.length === 0) break;
      await this.#runBatch(batch);
    }
    this.#running = undefined;
  }

  #next(): Waiting[] {
    if (this.#left.length > 0) return this.#left.splice(0);
    return this.#waiting.size > 0 ? this.#waiting.take() : this.#whenIdle.splice(0, 1);
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

  /**
   * Where the database stands still, each batch takes many seconds to fail. So what waits behind one that fails by a fault of the database fails with
   * it, and callers know within the time of one batch. The next write tries the database again.
   */
  async #runBatch(batch: Waiting[]): Promise<void> {
    this.#lastBatch = batch.length;
    const fault = this.#fault;
    const stop = fault && after(TRY_MS, () => this.#standStill(fault));
    try {
      const reply = await this.#runner.run(batch.map((waiting) => waiting.request));
      if ("failed" in reply) throw revivedError(reply.failed);
      this.#fault = undefined;
      this.#answerAll(batch, reply);
    } catch (error) {
      for (const { reject } of batch) reject(error as Error);
      this.#fault = error instanceof StorageFault ? error : undefined;
      if (this.#fault) this.#refuseWaiting(this.#fault);
    } finally {
      stop?.();
      this.#standsStill = undefined;
    }
  }

  #standStill(fault: StorageFault): void {
    this.#standsStill = fault;
    this.#refuseWaiting(fault);
  }

  /** What an earlier batch has left is in the one that runs. */
  #refuseWaiting(fault: StorageFault): void {
    const refused = this.#whenIdle.splice(0);
    while (this.#waiting.size > 0) refused.push(...this.#waiting.take());
    for (const { reject } of refused) reject(fault);
  }

  /** Those that have not run wait for the next batch, whatever becomes of the answers to the others. */
  #answerAll(batch: readonly Waiting[], { outcomes, events }: Extract<BatchReply, { events: unknown }>): void {
    for (const [index, waiting] of batch.entries()) if (outcomes[index] === null) this.#left.push(waiting);
    const forEach = (act: (waiting: Waiting, outcome: RunOutcome | undefined) => void) => {
      for (const [index, waiting] of batch.entries()) {
        const outcome = outcomes[index];
        if (outcome !== null) act(waiting, outcome);
      }
    };
    const upTo = events.at(-1)?.pos ?? 0;
    const answer = () => forEach((waiting, outcome) => this.#answer(waiting, outcome, upTo));
    const fail = (error: unknown) => forEach(({ reject }) => reject(error as Error));
    try {
      const told = events.length > 0 ? this.#onCommitted(events) : undefined;
      if (told) this.#answerLater(told.then(answer, fail));
      else answer();
    } catch (error) {
      fail(error);
    }
  }

  #answer({ procedure, resolve, reject }: Waiting, outcome: RunOutcome | undefined, upTo: number): void {
    if (!outcome?.ok) return reject(outcome ? revivedError(outcome.error) : new Error("the writer lost an outcome"));
    const held = this.#beforeAnswer(procedure, upTo);
    if (held) this.#answerLater(held.then(() => resolve(outcome.value), reject));
    else resolve(outcome.value);
  }

  /** Events of other nodes that are still on their way come first; the next batch need not wait for them. */
  #answerLater(answered: Promise<void>): void {
    this.#unanswered.add(answered);
    void answered.finally(() => this.#unanswered.delete(answered));
  }
}

function closing(): ProblemError {
  return new ProblemError("draining", undefined, { retryAfterMs: RETRY_AFTER_CLOSE_MS });
}
