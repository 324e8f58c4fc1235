import { type RawBuilder, sql } from "kysely";
import { ProblemError } from "../lib/problem.ts";
import { passingFault } from "./faults.ts";
import type { ProcedureTable, TableEntry } from "./procedures.ts";
import type { RoundTripBudget } from "./round-trip-budget.ts";
import { StorageFault } from "./storage-fault.ts";
import { type LoggedEvent, type Outcome, sent, type WriteTransaction, worked } from "./transaction.ts";
import type { WritingConnection } from "./writing-connection.ts";

export interface WriteRequest {
  readonly name: string;
  readonly input: unknown;
}

export interface WrittenBatch {
  /** One for each request, in order; null: it was left for another batch. */
  readonly outcomes: (Outcome<unknown> | FaultOutcome | null)[];
  readonly events: LoggedEvent[];
}

/** A fault of ours inside one procedure, as opposed to a refusal. */
export type FaultOutcome = { ok: false; error: Error };

/** How a procedure runs among others of its batch. */
interface Guard {
  run<T>(tx: WriteTransaction, work: () => Promise<T>): Promise<T | FaultOutcome>;
  /** What it adds to the procedure's own. */
  readonly roundTrips: number;
  /** Calls in a batch, on a database that is far away. */
  readonly most: number;
}

const UNGUARDED: Guard = { run: (_tx, work) => work(), roundTrips: 0, most: Number.POSITIVE_INFINITY };
/**
 * The answers to what the procedure has sent are waited for, which otherwise go with the next one's. More than 64 savepoints in a transaction are slow for
 * everybody on PostgreSQL.
 */
const IN_SAVEPOINT: Guard = { run: inSavepoint, roundTrips: 1, most: 4 };

/**
 * Runs all requests in one transaction: one sync of the disk for the batch, and one time for all of it, `now`. The requests of a
 * batch procedure run together at the place of the first of them.
 *
 * Where the database is far away, a batch may end before all of them have run; the rest has no outcome.
 *
 * A refusal costs nothing, since a procedure refuses before it writes. A procedure that fails otherwise is undone alone: that is a fault of
 * ours and rare, so the batch is begun anew then, with a savepoint around each procedure.
 * @throws when the commit itself fails, or the only procedure, or the database's file: then nothing of the batch stays.
 */
export async function writeBatch(at: BatchContext, requests: readonly WriteRequest[]): Promise<WrittenBatch> {
  try {
    return await attempt(at, requests, UNGUARDED);
  } catch (error) {
    if (isOneCall(at.table, requests) || passingFault(error) !== undefined) throw error;
    return attempt(at, requests, IN_SAVEPOINT);
  }
}

interface BatchContext {
  readonly connection: WritingConnection;
  readonly table: ProcedureTable;
  readonly budget: RoundTripBudget;
}

async function attempt(at: BatchContext, requests: readonly WriteRequest[], guard: Guard): Promise<WrittenBatch> {
  const { budget } = at;
  const outcomes = new Array<Outcome<unknown> | FaultOutcome | null>(requests.length).fill(null);
  const events = await at.connection.transaction(async (tx) => {
    let calls = 0;
    for (const [index, request] of requests.entries()) {
      if (outcomes[index]) continue;
      const isLong = !budget.hasRoomFor(request.name, tx, guard.roundTrips) || (isFar(tx) && calls >= guard.most);
      if (calls > 0 && isLong) break;
      calls += 1;
      const entry = entryOf(at.table, request.name);
      const together = entry.batched ? sameFrom(requests, index) : [index];
      const inputs = together.map((i) => (requests[i] as WriteRequest).input as never);
      const results = await guard.run(tx, () => budget.noting(request.name, tx, () => entry.run(tx, inputs)));
      for (const [n, i] of together.entries()) {
        outcomes[i] = Array.isArray(results) ? (results[n] ?? null) : results;
      }
    }
    return tx.appended;
  });
  return { outcomes, events };
}

function isFar(tx: WriteTransaction): boolean {
  return tx.roundTrips() > 0;
}

function entryOf(table: ProcedureTable, name: string): TableEntry {
  const entry = table[name];
  if (!entry) throw new Error(`the table of the thread that writes has no procedure ${name}`);
  return entry;
}

/** Whether all of it is one call of a procedure: when that throws, the transaction is undone, and there is nothing to save. */
function isOneCall(table: ProcedureTable, requests: readonly WriteRequest[]): boolean {
  const { name } = requests[0] as WriteRequest;
  return requests.length === 1 || (entryOf(table, name).batched && requests.every((request) => request.name === name));
}

function sameFrom(requests: readonly WriteRequest[], first: number): number[] {
  const name = (requests[first] as WriteRequest).name;
  const indices: number[] = [];
  for (let i = first; i < requests.length; i++) if ((requests[i] as WriteRequest).name === name) indices.push(i);
  return indices;
}

/** Nobody waits for the savepoint's own statements: the first goes with what the procedure does first, the last with what comes next. */
async function inSavepoint<T>(tx: WriteTransaction, work: () => Promise<T>): Promise<T | FaultOutcome> {
  const before = { pos: tx.end.pos, events: tx.appended.length };
  const say = (statement: RawBuilder<unknown>) => sent(tx, statement.execute(tx.db));
  say(sql`savepoint one`);
  try {
    const result = await worked(tx, work);
    say(sql`release savepoint one`);
    return result;
  } catch (error) {
    // Not the procedure's fault: it holds for all of the batch, and the database may have undone all of it already.
    if (passingFault(error) !== undefined) throw error;
    say(sql`rollback to savepoint one`);
    say(sql`release savepoint one`);
    tx.heads.clear();
    tx.end.pos = before.pos;
    tx.appended.length = before.events;
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
