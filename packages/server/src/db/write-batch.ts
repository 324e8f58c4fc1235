import { type Kysely, sql } from "kysely";
import { ProblemError } from "../lib/problem.ts";
import type { Schema } from "./schema.ts";
import { type LoggedEvent, type Outcome, type WriteTransaction, writeNamed } from "./transaction.ts";

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

/**
 * Runs all requests in one transaction: one sync of the disk for the batch. A procedure that throws is undone alone; the
 * requests of a batched procedure run together at the place of the first of them.
 * @throws when the commit itself fails, or the only procedure: then nothing of the batch stays.
 */
export async function writeBatch(db: Kysely<Schema>, requests: readonly WriteRequest[]): Promise<WrittenBatch> {
  const outcomes = new Array<Outcome<unknown> | FaultOutcome>(requests.length);
  const events: LoggedEvent[] = [];
  await db.transaction().execute(async (trx) => {
    const tx: WriteTransaction = { db: trx, appended: events };
    for (const [index, request] of requests.entries()) {
      if (outcomes[index]) continue;
      const write = writeNamed(request.name);
      const together = write.batched ? sameFrom(requests, index) : [index];
      const inputs = together.map((i) => (requests[i] as WriteRequest).input);
      // Alone in its batch it needs no savepoint: when it throws, the transaction is undone.
      const alone = together.length === requests.length;
      const results = alone ? await write.run(tx, inputs) : await inSavepoint(tx, () => write.run(tx, inputs));
      for (const [n, i] of together.entries()) {
        outcomes[i] = Array.isArray(results) ? (results[n] as Outcome<unknown>) : results;
      }
    }
  });
  return { outcomes: outcomes as Outcome<unknown>[], events };
}

function sameFrom(requests: readonly WriteRequest[], first: number): number[] {
  const name = (requests[first] as WriteRequest).name;
  const indices: number[] = [];
  for (let i = first; i < requests.length; i++) if ((requests[i] as WriteRequest).name === name) indices.push(i);
  return indices;
}

async function inSavepoint<T>(tx: WriteTransaction, work: () => Promise<T>): Promise<T | FaultOutcome> {
  const before = tx.appended.length;
  await sql`savepoint one`.execute(tx.db);
  try {
    const result = await work();
    await sql`release savepoint one`.execute(tx.db);
    return result;
  } catch (error) {
    await sql`rollback to savepoint one`.execute(tx.db);
    await sql`release savepoint one`.execute(tx.db);
    tx.appended.length = before;
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** An error as plain data that crosses threads. */
export type CarriedError =
  | { code: ProblemError["code"]; message: string; extra: ProblemError["extra"]; retryAfterMs: number | undefined }
  | { fault: string; stack: string | undefined };

export function carryError(error: Error): CarriedError {
  if (error instanceof ProblemError) {
    const { code, message, extra, retryAfterMs } = error;
    return { code, message, extra, retryAfterMs };
  }
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
  const error = new Error(carried.fault);
  if (carried.stack) error.stack = carried.stack;
  return error;
}
