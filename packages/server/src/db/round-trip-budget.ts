import type { WriteTransaction } from "./transaction.ts";

/** Of a batch, since all nodes wait for the lock meanwhile. */
const MOST = 16;
/** What is expected of a procedure that has not run yet. */
const USUAL = 4;
/** The commit takes one, together with all that nobody waits for. */
const COMMIT = 1;

/**
 * Keeps batches on a database that is far away short: a procedure is begun only where as many round trips are left as it usually takes. So a batch takes more
 * than it is to only where its last procedure takes more than that one ever did, or at its first run more than `USUAL`. On SQLite all of them take none.
 */
export class RoundTripBudget {
  /** By the procedure's name; it falls by one with each run that takes fewer. */
  readonly #usual = new Map<string, number>();

  /** Whether a procedure is expected to end within what the batch has left. @param more what it takes beside its own */
  hasRoomFor(name: string, tx: WriteTransaction, more: number): boolean {
    return tx.roundTrips() + (this.#usual.get(name) ?? USUAL) + more + COMMIT <= MOST;
  }

  /** Does `work` and notes what it took, also when it fails. */
  async noting<T>(name: string, tx: WriteTransaction, work: () => Promise<T>): Promise<T> {
    const before = tx.roundTrips();
    try {
      return await work();
    } finally {
      this.#usual.set(name, Math.max(tx.roundTrips() - before, (this.#usual.get(name) ?? 0) - 1));
    }
  }
}
