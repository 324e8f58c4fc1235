import type { WriteTransaction } from "../src/db/transaction.ts";
import type { WritingConnection } from "../src/db/writing-connection.ts";

/** A connection that notes how many round trips each transaction has taken on the line itself, from its beginning to the end of its commit, or until it was undone. */
export class CountedTrips implements WritingConnection {
  readonly #connection: WritingConnection;
  readonly taken: number[] = [];

  constructor(connection: WritingConnection) {
    this.#connection = connection;
  }

  async transaction<T>(work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
    let roundTrips = () => 0;
    try {
      return await this.#connection.transaction((tx) => {
        roundTrips = tx.roundTrips;
        return work(tx);
      });
    } finally {
      this.taken.push(roundTrips());
    }
  }

  truncateJournal(): Promise<boolean> {
    return this.#connection.truncateJournal();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
