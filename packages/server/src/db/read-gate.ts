import type { DatabaseConnection, Dialect, Driver } from "kysely";
import { after } from "../lib/interval.ts";

/**
 * Holds back reads for a moment, so that the journal can be emptied: while somebody reads what was before, SQLite cannot begin it anew,
 * and readers that overlap all the time would let it grow without end.
 */
export class ReadGate {
  #reading = 0;
  #whenOpen: PromiseWithResolvers<void> | undefined;
  #whenIdle: (() => void)[] = [];
  #stopTimer = () => {};

  /** Reads that go on now; a transaction is one. */
  get reading(): number {
    return this.#reading;
  }

  /** The same dialect, whose connections are only handed out while reads are not held. */
  around(dialect: Dialect): Dialect {
    return {
      createDriver: () => new GatedDriver(dialect.createDriver(), this),
      createAdapter: () => dialect.createAdapter(),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createIntrospector: (db) => dialect.createIntrospector(db),
    };
  }

  /**
   * Lets no new read begin for `ms` at most, or until `release`. Resolves when those that go on have ended, or when that time is over.
   * @returns whether none goes on
   */
  async hold(ms: number): Promise<boolean> {
    this.#whenOpen ??= Promise.withResolvers();
    this.#stopTimer();
    this.#stopTimer = after(ms, () => this.release());
    if (this.#reading > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    return this.#reading === 0;
  }

  /** Lets reads begin again. */
  release(): void {
    this.#stopTimer();
    this.#whenOpen?.resolve();
    this.#whenOpen = undefined;
    this.#wake();
  }

  /** Resolves when a read may begin, and counts it. */
  async enter(): Promise<void> {
    while (this.#whenOpen) await this.#whenOpen.promise;
    this.#reading += 1;
  }

  leave(): void {
    this.#reading -= 1;
    if (this.#reading === 0) this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

class GatedDriver implements Driver {
  readonly #driver: Driver;
  readonly #gate: ReadGate;
  readonly beginTransaction: Driver["beginTransaction"];
  readonly commitTransaction: Driver["commitTransaction"];
  readonly rollbackTransaction: Driver["rollbackTransaction"];

  constructor(driver: Driver, gate: ReadGate) {
    this.#driver = driver;
    this.#gate = gate;
    this.beginTransaction = driver.beginTransaction.bind(driver);
    this.commitTransaction = driver.commitTransaction.bind(driver);
    this.rollbackTransaction = driver.rollbackTransaction.bind(driver);
  }

  init(): Promise<void> {
    return this.#driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.#gate.enter();
    try {
      return await this.#driver.acquireConnection();
    } catch (error) {
      this.#gate.leave();
      throw error;
    }
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    try {
      await this.#driver.releaseConnection(connection);
    } finally {
      this.#gate.leave();
    }
  }

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}
