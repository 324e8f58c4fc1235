import type { Transaction } from "kysely";
import { ProblemError } from "../lib/problem.ts";
import type { Schema } from "./schema.ts";

/**
 * What a write procedure works on. A procedure is a plain function of a transaction and one plain input, or of a transaction and all inputs
 * that wait. It may run in another thread (see `writer.ts`): inputs and results are limited to JSON, and random values are made by the
 * caller and passed in. It reads no clock: `now` is its time.
 */
export interface WriteTransaction {
  readonly db: Transaction<Schema>;
  /** Epoch milliseconds: the time of everything in this batch. It never falls from one batch to the next (`write-batch.ts`). */
  readonly now: number;
  /** The real clock: earlier than `now` if it was ahead and has been set back. Deadlines and removal by age use it, as readers do. */
  readonly clockNow: number;
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
  /** The person who wrote the message that `data` shows; null if it shows none. */
  readonly author: number | null;
  /** JSON text of the frame's `data`. */
  readonly data: string;
  /** Whether the row holds `data` too; if not, readers build it from the message as it is then. */
  readonly storesData: boolean;
  /** False: its text is not kept in memory, since it shows another message too, which may change without this event being named. */
  readonly cacheable: boolean;
  readonly at: number;
}

/** The result of one input of a batch. */
export type Outcome<O> = { ok: true; value: O } | { ok: false; error: ProblemError };

/** The result of judging one input. `judge` is pure; it refuses by throwing a ProblemError, as the `check…` functions do. */
export function outcomeOf<O>(judge: () => O): Outcome<O> {
  try {
    return { ok: true, value: judge() };
  } catch (error) {
    if (error instanceof ProblemError) return { ok: false, error };
    throw error;
  }
}

/** The values of those that were not refused, in order. */
export function acceptedOf<O>(outcomes: readonly Outcome<O>[]): O[] {
  return outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
}

/**
 * A write procedure for one input. It refuses by throwing a ProblemError, before it has written anything: a refusal after that is a bug. If
 * it fails because of a bug, nothing of it stays.
 */
export type SingleProcedure<I, O> = (tx: WriteTransaction, input: I) => Promise<O>;

/**
 * A write procedure for all waiting inputs at once: it looks up what it needs by set queries, judges each input in order and
 * without the database, so that later ones see what earlier ones do, and stores by set queries. It returns an outcome for
 * each input, in order: a bad one is refused without failing the others. When it throws, all fail, and nothing of it stays.
 */
export type BatchProcedure<I, O> = (tx: WriteTransaction, inputs: readonly I[]) => Promise<Outcome<O>[]>;

/** Either kind. */
export type Procedure = SingleProcedure<never, unknown>;

/** What a caller passes to a procedure: to a batch procedure, one input. */
export type InputOf<P extends Procedure> =
  P extends BatchProcedure<infer I, unknown> ? I : P extends SingleProcedure<infer I, unknown> ? I : never;

/** What a caller gets from a procedure. */
export type ResultOf<P extends Procedure> =
  P extends BatchProcedure<never, infer O> ? O : P extends SingleProcedure<never, infer O> ? O : never;
