import { CompiledQuery, Kysely } from "kysely";
import { OneConnection } from "../one-connection.ts";
import type { Cell } from "../prepared.ts";
import { insertRows } from "../rows.ts";
import type { Schema } from "../schema.ts";
import type { ColumnTypes, PostgresConnection } from "./connection.ts";
import { postgresDialect } from "./dialect.ts";
import { PostgresUnusable } from "./faults.ts";
import { refuseTransactionPooler } from "./pooler.ts";
import { openSession } from "./session.ts";

/** The copying may take any time; but if this process is idle for a minute, PostgreSQL ends the session and keeps nothing. */
const BEGIN = `begin isolation level read committed; set local statement_timeout = 0; set local lock_timeout = '5s';
set local idle_in_transaction_session_timeout = '60s'`;

/** The lock of migrations, so that no server makes its tables meanwhile. */
const TAKE = "select pg_try_advisory_xact_lock(4812765120) as has";

/** The indexes of a table, except those of its keys, and its references to others: how each is dropped and made. */
const LATER = `select format('drop index %I', indexname) as drop, indexdef as make from pg_indexes
  where schemaname = current_schema() and tablename = $1
  and not exists (select 1 from pg_constraint where conindid = format('%I', indexname)::regclass and contype <> 'f')
  union all
  select format('alter table %I drop constraint %I', $1, conname), format('alter table %I add constraint %I %s', $1, conname, pg_get_constraintdef(oid))
  from pg_constraint where conrelid = format('%I', $1)::regclass and contype = 'f'`;

/** How many statements may be on their way: one is stored while the next one is read. */
const ON_THEIR_WAY = 2;

/** A database that is filled by one transaction: nobody sees any of it until `commit`, and if anything ends it earlier, nothing remains. */
export class PostgresTarget {
  readonly #connection: PostgresConnection;
  readonly #sent: Promise<void>[] = [];
  readonly db: Kysely<Schema>;

  private constructor(connection: PostgresConnection) {
    this.#connection = connection;
    this.db = new Kysely<Schema>({ dialect: postgresDialect(() => new OneConnection(() => connection)) });
  }

  /** @throws PostgresUnusable, ConnectionLost, or what PostgreSQL says */
  static async open(url: string): Promise<PostgresTarget> {
    await refuseTransactionPooler(url);
    const connection = await openSession(url, "migrate");
    try {
      await connection.run(BEGIN);
      const { rows } = await connection.run<{ has: 0 | 1 }>(TAKE);
      if (rows[0]?.has === 1) return new PostgresTarget(connection);
      throw new PostgresUnusable("The database of DATABASE_URL is being filled or updated by another process.");
    } catch (error) {
      connection.abandon(error);
      throw error;
    }
  }

  /** To be called when the tables are there, before rows are inserted. */
  columnTypes(): Promise<ColumnTypes> {
    return this.#connection.readColumnTypes();
  }

  async empty(tables: readonly string[]): Promise<void> {
    await this.#connection.run(`truncate ${listed(tables)}`);
  }

  /**
   * Drops the indexes and references of a table while `work` fills it. Made and checked at the end, for all rows, they cost less, and
   * the cost for each row does not depend on the table's size.
   */
  async withoutIndexes(table: string, work: () => Promise<void>): Promise<void> {
    const { rows } = await this.#connection.executeQuery<{ drop: string; make: string }>(
      CompiledQuery.raw(LATER, [table]),
    );
    for (const { drop } of rows) await this.#connection.run(drop);
    await work();
    for (const { make } of rows) await this.#connection.run(make);
  }

  /** Resolves when there is room for further rows; a failure may be thrown by a later call. */
  async insert(
    table: string,
    rows: { columns: readonly string[]; values: readonly (readonly Cell[])[] },
  ): Promise<void> {
    const sent = insertRows(this.db, table as keyof Schema & string, rows as Parameters<typeof insertRows>[2]);
    sent.catch(() => {});
    this.#sent.push(sent);
    if (this.#sent.length >= ON_THEIR_WAY) await this.#sent.shift();
  }

  /** Resolves when everything that was inserted is there. */
  async inserted(): Promise<void> {
    await Promise.all(this.#sent.splice(0));
  }

  async count(table: string): Promise<number> {
    const { rows } = await this.#connection.run<{ n: number }>(`select count(*) as n from "${table}"`);
    return rows[0]?.n ?? 0;
  }

  /** Makes PostgreSQL gather statistics of the new tables, which it would otherwise do only some time later. Its plans need them. */
  async analyze(tables: readonly string[]): Promise<void> {
    await this.#connection.run(`analyze ${listed(tables)}`);
  }

  async commit(): Promise<void> {
    await this.#connection.commit();
  }

  /** Without a commit, nothing of it stays. */
  async close(): Promise<void> {
    await this.#connection.close();
  }
}

function listed(tables: readonly string[]): string {
  return tables.map((table) => `"${table}"`).join(", ");
}
