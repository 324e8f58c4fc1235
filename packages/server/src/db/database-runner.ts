import type { ProcedureTable } from "./procedures.ts";
import { RoundTripBudget } from "./round-trip-budget.ts";
import type { Outcome } from "./transaction.ts";
import { carryError, type WriteRequest, writeBatch } from "./write-batch.ts";
import type { BatchReply, BatchRunner } from "./writer.ts";
import type { WritingConnection } from "./writing-connection.ts";

/** Runs batches on a connection of the calling thread. The thread of the gateway does not: a sync would stop it. */
export class DatabaseRunner implements BatchRunner {
  readonly #connection: WritingConnection;
  readonly #table: ProcedureTable;
  readonly #budget = new RoundTripBudget();

  constructor(connection: WritingConnection, table: ProcedureTable) {
    this.#connection = connection;
    this.#table = table;
  }

  async run(requests: WriteRequest[]): Promise<BatchReply> {
    try {
      const at = { connection: this.#connection, table: this.#table, budget: this.#budget };
      const { outcomes, events } = await writeBatch(at, requests);
      return { outcomes: outcomes.map(carried), events };
    } catch (error) {
      return { failed: carryError(error as Error) };
    }
  }

  truncateJournal(): Promise<boolean> {
    return this.#connection.truncateJournal();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

function carried(outcome: Outcome<unknown> | { ok: false; error: Error } | null) {
  return outcome === null || outcome.ok ? outcome : ({ ok: false, error: carryError(outcome.error) } as const);
}
