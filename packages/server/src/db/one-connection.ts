import type { DatabaseConnection, Driver } from "kysely";

/**
 * Hands Kysely one connection for any number of statements at once: they reach it in the order of calls. The writer that has the connection begins
 * and ends transactions on it.
 */
export class OneConnection implements Driver {
  readonly #current: () => DatabaseConnection;

  constructor(current: () => DatabaseConnection) {
    this.#current = current;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#current();
  }

  async releaseConnection(): Promise<void> {}

  beginTransaction(): Promise<void> {
    return Promise.reject(new Error("a transaction of the writer has begun already"));
  }

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}

  async destroy(): Promise<void> {}
}
