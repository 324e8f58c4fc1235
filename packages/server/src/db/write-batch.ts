import { type Kysely, sql } from "kysely";
import { ProblemError } from "../lib/problem.ts";
import { passingFault } from "./dialect.ts";
import type { ProcedureTable, TableEntry } from "./procedures.ts";
import type { Schema } from "./schema.ts";
import { StorageFault } from "./storage-fault.ts";
import type { LoggedEvent, Outcome, WriteTransaction } from "./transaction.ts";

export interface WriteRequest {
  readonly name: string;
  readonly input: unknown;
}

export interface WrittenBatch {
  /** One for each request, in order. */
  readonly outcomes: Outcome<unknown>[] | FaultOutcome[];
  readonly events: LoggedEvent[];
}

/** A fault of ours inside one procedure, as opposed to a refusal. */
export type FaultOutcome = { ok: false; error: Error };

/** The log's row holds a later time than the batch was given: another process wrote, and the clock was set back since. */
export class TimeBehind extends Error {
  override readonly name = "TimeBehind";

  /** @param logAt the time to begin anew with */
  constructor(readonly logAt: number) {
    super("the log is ahead of the clock");
  }
}

/** A procedure failed by a fault of ours while others shared its transaction: what it left there cannot be told apart. */
class Spoiled extends Error {
  override readonly name = "Spoiled";
}

/** How a procedure runs among others of its batch. */
type Guard = <T>(tx: WriteTransaction, work: () => Promise<T>) => Promise<T | FaultOutcome>;

/**
 * Runs all requests in one transaction: one sync of the disk for the batch, and one time for all of it, `now`. The requests of a
 * batch procedure run together at the place of the first of them.
 *
 * A refusal costs nothing, since a procedure refuses before it writes. A procedure that fails otherwise is undone alone: that is a fault of
 * ours and rare, so the batch is begun anew then, with a savepoint around each procedure.
 * @throws TimeBehind, or when the commit itself fails, or the only procedure, or the database's file: then nothing of the batch stays.
 */
export async function writeBatch(at: BatchContext, requests: readonly WriteRequest[]): Promise<WrittenBatch> {
  try {
    return await attempt(at, requests, unguarded);
  } catch (error) {
    if (!(error instanceof Spoiled)) throw error;
    return attempt(at, requests, inSavepoint);
  }
}

interface BatchContext {
  readonly db: Kysely<Schema>;
  readonly table: ProcedureTable;
  /** The batch's time: never before that of an earlier batch. */
  readonly now: number;
  /** The clock as it is. */
  readonly clockNow: number;
}

async function attempt(at: BatchContext, requests: readonly WriteRequest[], guard: Guard): Promise<WrittenBatch> {
  const outcomes = new Array<Outcome<unknown> | FaultOutcome>(requests.length);
  const events: LoggedEvent[] = [];
  await at.db.transaction().execute(async (trx) => {
    const tx: WriteTransaction = { db: trx, now: at.now, clockNow: at.clockNow, appended: events, logAt: 0 };
    for (const [index, request] of requests.entries()) {
      if (outcomes[index]) continue;
      const entry = entryOf(at.table, request.name);
      const together = entry.batched ? sameFrom(requests, index) : [index];
      const inputs = together.map((i) => (requests[i] as WriteRequest).input as never);
      const work = () => entry.run(tx, inputs);
      // Alone in its batch it needs no guard: when it throws, the transaction is undone.
      const results = together.length === requests.length ? await work() : await guard(tx, work);
      for (const [n, i] of together.entries()) {
        outcomes[i] = Array.isArray(results) ? (results[n] as Outcome<unknown>) : results;
      }
    }
    if (tx.logAt > tx.now) throw new TimeBehind(tx.logAt);
  });
  return { outcomes: outcomes as Outcome<unknown>[], events };
}

function entryOf(table: ProcedureTable, name: string): TableEntry {
  const entry = table[name];
  if (!entry) throw new Error(`the table of the thread that writes has no procedure ${name}`);
  return entry;
}

function sameFrom(requests: readonly WriteRequest[], first: number): number[] {
  const name = (requests[first] as WriteRequest).name;
  const indices: number[] = [];
  for (let i = first; i < requests.length; i++) if ((requests[i] as WriteRequest).name === name) indices.push(i);
  return indices;
}

async function unguarded<T>(_tx: WriteTransaction, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (passingFault(cause) !== undefined) throw cause;
    throw new Spoiled("a procedure failed among others", { cause });
  }
}

async function inSavepoint<T>(tx: WriteTransaction, work: () => Promise<T>): Promise<T | FaultOutcome> {
  const before = tx.appended.length;
  await sql`savepoint one`.execute(tx.db);
  try {
    const result = await work();
    await sql`release savepoint one`.execute(tx.db);
    return result;
  } catch (error) {
    // Not the procedure's fault: it holds for all of the batch, and SQLite may have undone all of it already.
    if (passingFault(error) !== undefined) throw error;
    await sql`rollback to savepoint one`.execute(tx.db);
    await sql`release savepoint one`.execute(tx.db);
    tx.appended.length = before;
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** An error as plain data that crosses threads. */
export type CarriedError =
  | { code: ProblemError["code"]; message: string; extra: ProblemError["extra"]; retryAfterMs: number | undefined }
  | { storageFault: string }
  | { fault: string; stack: string | undefined };

export function carryError(error: Error): CarriedError {
  if (error instanceof ProblemError) {
    const { code, message, extra, retryAfterMs } = error;
    return { code, message, extra, retryAfterMs };
  }
  const storageFault = passingFault(error);
  if (storageFault !== undefined) return { storageFault };
  return { fault: error.message, stack: error.stack };
}

export function revivedError(carried: CarriedError): Error {
  if ("code" in carried) {
    const { code, message, extra, retryAfterMs } = carried;
    return new ProblemError(code, message, {
      ...(extra === undefined ? {} : { extra }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  if ("storageFault" in carried) return new StorageFault(carried.storageFault);
  const error = new Error(carried.fault);
  if (carried.stack) error.stack = carried.stack;
  return error;
}
