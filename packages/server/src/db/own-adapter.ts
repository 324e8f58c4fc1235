import type { DialectAdapter, Kysely, QueryExecutorProvider } from "kysely";

/** What the two databases do in different ways, beyond what Kysely knows of. Every database that we open has such an adapter. */
export interface OwnAdapter extends DialectAdapter {
  readonly kind: "sqlite" | "postgres";
  /** See `columns.ts`. */
  startNumbering(db: Kysely<unknown>, of: { table: string; column: string; next: number }): Promise<void>;
  /** Called in the transaction of a migration, when there are tables already: others that write wait until it has ended, with no table in their hands. */
  keepWritersOut(db: Kysely<unknown>): Promise<void>;
}

export function adapterOf(db: QueryExecutorProvider): OwnAdapter {
  return db.getExecutor().adapter as OwnAdapter;
}
