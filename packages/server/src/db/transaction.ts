import type { Transaction } from "kysely";
import type { ProblemError } from "../lib/problem.ts";
import type { Schema } from "./schema.ts";

/**
 * Every change of the database is a named write procedure: a function of a transaction and one plain input. Named,
 * because it may run in another thread (see `writer.ts`): inputs and results are what JSON can say, and whatever is random
 * or reads a clock is made by the caller and passed in.
 */
export interface WriteTransaction {
  readonly db: Transaction<Schema>;
  /** What this transaction logged, in the order of position; announced after the commit, never before. */
  readonly appended: LoggedEvent[];
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

/** A write procedure that takes all waiting inputs at once. */
export interface Write<I, O> {
  readonly name: string;
  /** Whether `run` wants all waiting inputs; else it is called for each, undone alone if it throws. */
  readonly batched: boolean;
  readonly run: (tx: WriteTransaction, inputs: readonly I[]) => Promise<Outcome<O>[]>;
}

const known = new Map<string, Write<never, unknown>>();

/**
 * Declares a write procedure. It runs in a savepoint, or alone in its transaction: when it throws, nothing of it stays and the caller gets the error.
 * @param name unique in the server, `<folder>.<verb>`
 */
export function defineWrite<I, O>(name: string, run: (tx: WriteTransaction, input: I) => Promise<O>): Write<I, O> {
  return register({
    name,
    batched: false,
    run: async (tx, inputs) => [{ ok: true, value: await run(tx, inputs[0] as I) }],
  });
}

/**
 * Declares a write procedure for many inputs at once, by set queries. It returns an outcome for each input, in order: a bad
 * one is refused without failing the others. When it throws, all fail.
 */
export function defineBatchWrite<I, O>(
  name: string,
  run: (tx: WriteTransaction, inputs: readonly I[]) => Promise<Outcome<O>[]>,
): Write<I, O> {
  return register({ name, batched: true, run });
}

function register<I, O>(write: Write<I, O>): Write<I, O> {
  if (known.has(write.name)) throw new Error(`two write procedures are named ${write.name}`);
  known.set(write.name, write as Write<never, unknown>);
  return write;
}

/** The procedure of that name; the module that declares it must have been imported by the thread that writes. */
export function writeNamed(name: string): Write<unknown, unknown> {
  const write = known.get(name);
  if (!write) throw new Error(`no write procedure is named ${name}; is its module imported by writer-thread.ts?`);
  return write as Write<unknown, unknown>;
}
