import type { Kysely } from "kysely";
import { ProblemError } from "../lib/problem.ts";
import type { Schema } from "./schema.ts";

/**
 * What a write procedure works on. A procedure is a plain function of a transaction and one plain input, or of a transaction and all inputs
 * that wait. It may run in another thread (see `writer.ts`): inputs and results are limited to JSON, and random values are made by the
 * caller and passed in. It reads no clock: `now` is its time.
 */
export interface WriteTransaction {
  readonly db: Kysely<Schema>;
  /** Epoch milliseconds: the time of everything in this batch. It never falls from one batch to the next (`write-batch.ts`). */
  readonly now: number;
  /** The real clock: earlier than `now` if it was ahead and has been set back. Deadlines and removal by age use it, as readers do. */
  readonly clockNow: number;
  /** What this transaction logged, in the order of position; announced after the commit, never before. */
  readonly appended: LoggedEvent[];
  /** The log's end: position of the newest event, with those that this transaction has logged. */
  readonly end: { pos: number };
  /** Heads of streams that this transaction has read or moved; `event-log/stream-heads.ts` keeps them. */
  readonly heads: Map<string, { seq: number; pos: number }>;
  /** Statements that were sent and are not waited for until the end; see `sent`. */
  readonly unanswered: Promise<unknown>[];
  /**
   * How many rows its connection has changed so far by statements that were answered, also in what was undone since. Two answers that differ: something
   * was written.
   */
  readonly changesSoFar: () => Promise<number>;
  /** How many ways to the database and back this transaction has taken; the database keeps its lock meanwhile. 0 on SQLite, which is in the process. */
  readonly roundTrips: () => number;
}

/** What a transaction has to know at its beginning. */
export type Begun = Pick<WriteTransaction, "db" | "now" | "clockNow" | "end" | "changesSoFar" | "roundTrips">;

export function begunTransaction(begun: Begun): WriteTransaction {
  return { ...begun, appended: [], heads: new Map(), unanswered: [] };
}

/**
 * For a statement whose result nobody needs, as most that store something: it is sent now, in the order of calls, and its answer is waited for at
 * the end, so that it costs no way to the database and back. If it fails, the transaction does.
 */
export function sent(tx: WriteTransaction, statement: Promise<unknown>): void {
  statement.catch(() => {});
  tx.unanswered.push(statement);
}

/**
 * Does `work` and waits for what was `sent` by it, also when it fails: nothing of it may reach the database after what undoes it.
 * @throws what failed first: after a statement that failed unnoticed, others may fail because of it
 */
export async function worked<T>(tx: WriteTransaction, work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
  const result = await work(tx).then(
    (value) => ({ ok: true, value }) as const,
    (error: unknown) => ({ ok: false, error }) as const,
  );
  const failure = await failureOf(tx.unanswered.splice(0));
  if (failure) throw failure.reason;
  if (!result.ok) throw result.error;
  return result.value;
}

/** The first of them that fails; waits for all. */
export async function failureOf(statements: readonly Promise<unknown>[]): Promise<PromiseRejectedResult | undefined> {
  return (await Promise.allSettled(statements)).find((answer) => answer.status === "rejected");
}

/** What a procedure does for one of its inputs takes twelve at most, and a batch is to take sixteen. */
const ROUND_TRIPS_MAX = 4;

/** Whether a procedure that goes to the database for each of its inputs is to leave the rest for another batch. Never so on SQLite. */
export function hasTakenLong(tx: WriteTransaction): boolean {
  return tx.roundTrips() >= ROUND_TRIPS_MAX;
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
 * each input, in order: a bad one is refused without failing the others. If it has to do something for each input and the batch `hasTakenLong`, it
 * may return fewer, but one at least: the rest is left for another batch. When it throws, all fail, and nothing of it stays.
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
