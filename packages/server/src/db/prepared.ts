import type { CompiledQuery, Kysely, QueryExecutorProvider } from "kysely";
import type { Schema } from "./schema.ts";

export type Cell = number | string | null;

/** Stands in a prepared query for the value that each run will give. */
export const GIVEN: unique symbol = Symbol("given");
export type Given = typeof GIVEN;

/**
 * A query of one value that is built and compiled at its first use only. For what every send runs: Kysely takes longer to
 * compile such a query than SQLite to run it. Its text must not depend on the value, which is one cell, or a list or rows
 * for `inList` and `boundRows`.
 *
 *   const namesOf = prepared((db, uids) =>
 *     db.selectFrom("users").select("name").where("uid", "in", inList<number>(uids)),
 *   );
 *   const rows = await namesOf(tx.db, [20001, 20002]);
 */
export function prepared<R>(
  build: (db: Kysely<Schema>, given: Given) => { compile(provider: QueryExecutorProvider): CompiledQuery<R> },
): (db: Kysely<Schema>, value: Cell | readonly Cell[] | readonly (readonly Cell[])[]) => Promise<R[]> {
  let compiled: CompiledQuery<R> | undefined;
  return async (db, value) => {
    compiled ??= build(db, GIVEN).compile(db);
    const bound = typeof value === "object" && value !== null ? JSON.stringify(value) : value;
    const parameters = compiled.parameters.map((parameter) => (parameter === GIVEN ? bound : parameter));
    const query: CompiledQuery<R> = { ...compiled, parameters };
    return (await db.executeQuery(query)).rows;
  };
}
