import type { Transaction } from "kysely";
import type { ProblemError } from "../lib/problem.ts";
import type { Schema } from "./schema.ts";

/**
 * What a write procedure works on. A procedure is a plain function of a transaction and one plain input, or of a transaction
 * and all inputs that wait. It may run in another thread (see `writer.ts`): inputs and results are what JSON can say, and
 * random values are made by the caller and passed in. It reads no clock: `now` is its time.
 */
export interface WriteTransaction {
  readonly db: Transaction<Schema>;
  /** Epoch milliseconds: the time of everything in this batch. It never falls from one batch to the next (`write-batch.ts`). */
  readonly now: number;
  /** What this transaction logged, in the order of position; announced after the commit, never before. */
  readonly appended: LoggedEvent[];
  /** The latest time that the log's row holds, as the newest append found it; 0 before the first one. */
  logAt: number;
}

/** An event as it travels on this node. */
export interface LoggedEvent {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  readonly messageId: number | null;
  /** JSON text of the frame's `data`. */
  readonly data: string;
  /** Whether the row holds `data` too; if not, readers build it from the message as it is then. */
  readonly kept: boolean;
  /** False: its text is not kept in memory, since it shows another message too, which may change without this event being named. */
  readonly cacheable: boolean;
  readonly at: number;
}

/** What one input of a batch came to. */
export type Outcome<O> = { ok: true; value: O } | { ok: false; error: ProblemError };

/**
 * A write procedure for one input. It runs in a savepoint, or alone in its transaction: when it throws, nothing of it stays
 * and the caller gets the error.
 */
export type SingleProcedure<I, O> = (tx: WriteTransaction, input: I) => Promise<O>;

/**
 * A write procedure for all waiting inputs at once, by set queries. It returns an outcome for each input, in order: a bad
 * one is refused without failing the others. When it throws, all fail.
 */
export type BatchProcedure<I, O> = (tx: WriteTransaction, inputs: readonly I[]) => Promise<Outcome<O>[]>;

/** Either kind. */
export type Procedure = SingleProcedure<never, unknown>;

/** What a caller passes to a procedure: of a batch procedure, one input. */
export type InputOf<P extends Procedure> =
  P extends BatchProcedure<infer I, unknown> ? I : P extends SingleProcedure<infer I, unknown> ? I : never;

/** What a caller gets from a procedure. */
export type ResultOf<P extends Procedure> =
  P extends BatchProcedure<never, infer O> ? O : P extends SingleProcedure<never, infer O> ? O : never;
