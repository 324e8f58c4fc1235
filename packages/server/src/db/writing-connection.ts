import type { WriteTransaction } from "./transaction.ts";

/** The connection that writes, of either database; `DatabaseRunner` runs batches on it, one at a time. */
export interface WritingConnection {
  /**
   * Runs `work` in one transaction, to which the log belongs from its beginning: nobody else writes meanwhile. The log's row gets the
   * position and the time of what was logged, and then all of it is committed, or nothing.
   */
  transaction<T>(work: (tx: WriteTransaction) => Promise<T>): Promise<T>;
  /** See `Writes.truncateJournal`. A database that keeps no journal of ours says that it is empty. */
  truncateJournal(): Promise<boolean>;
  close(): Promise<void>;
}
