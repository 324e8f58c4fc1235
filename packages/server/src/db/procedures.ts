import { ProblemError } from "../lib/problem.ts";
import type { Share } from "./share.ts";
import type { BatchProcedure, Outcome, Procedure, SingleProcedure, WriteTransaction } from "./transaction.ts";

/** A write procedure as the table holds it. */
export interface TableEntry {
  readonly procedure: Procedure;
  /** Whether `run` takes all waiting inputs; otherwise it gets them one by one. */
  readonly batched: boolean;
  /** Refusals are outcomes; anything thrown is a bug, and then nothing of it may stay. */
  readonly run: (tx: WriteTransaction, inputs: readonly never[]) => Promise<Outcome<unknown>[]>;
  readonly share: Share<never>;
}

/**
 * Write procedures by name. The calling thread and the writing thread import the same table: a procedure crosses between
 * them as its name, and everywhere else it is the function itself.
 */
export type ProcedureTable = Readonly<Record<string, TableEntry>>;

/** An entry for a procedure of one input. A refusal that it throws becomes an outcome, because nothing has to be undone. */
export function single<I, O>(procedure: SingleProcedure<I, O>, share: Share<NoInfer<I>>): TableEntry {
  return {
    procedure,
    share,
    batched: false,
    run: async (tx, inputs) => {
      const before = { sent: tx.unanswered.length, changes: await tx.changesSoFar() };
      try {
        return [{ ok: true, value: await procedure(tx, inputs[0] as I) }];
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        const hasSent = tx.unanswered.length > before.sent;
        if (!hasSent && (await tx.changesSoFar()) === before.changes) return [{ ok: false, error }];
        throw new Error(`${procedure.name} refused (${error.code}) after it had written`, { cause: error });
      }
    },
  };
}

/** An entry for a procedure of all waiting inputs. */
export function batch<I, O>(procedure: BatchProcedure<I, O>, share: Share<NoInfer<I>>): TableEntry {
  return { procedure, share, batched: true, run: procedure };
}

/** What a caller needs to know of an entry. */
export interface NamedEntry {
  readonly name: string;
  readonly share: Share<never>;
}

/** The entry of each procedure. @throws when one stands in the table twice */
export function entriesIn(table: ProcedureTable): ReadonlyMap<Procedure, NamedEntry> {
  const entries = new Map<Procedure, NamedEntry>();
  for (const [name, { procedure, share }] of Object.entries(table)) {
    const other = entries.get(procedure);
    if (other) throw new Error(`${other.name} and ${name} are the same write procedure`);
    entries.set(procedure, { name, share });
  }
  return entries;
}
