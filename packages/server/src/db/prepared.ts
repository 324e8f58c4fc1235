import type { CompiledQuery, Kysely, QueryExecutorProvider } from "kysely";
import type { Schema } from "./schema.ts";

export type Cell = number | string | null;

/** A value of a run: one cell, or a list or rows for `inList` and `boundRows`. */
export type Value = Cell | readonly Cell[] | readonly (readonly Cell[])[];

/** A placeholder in a prepared query for the value of that name, which each run gives. */
export class Given {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

type Compilable<R> = { compile(provider: QueryExecutorProvider): CompiledQuery<R> };

/**
 * A query of one value that is built and compiled only at its first use. For what every send or every reader runs: Kysely takes
 * longer to compile such a query than SQLite to run it. Its text must not depend on the value.
 *
 *   const namesOf = prepared((db, uids) =>
 *     db.selectFrom("users").select("name").where("uid", "in", inList<number>(uids)),
 *   );
 *   const rows = await namesOf(tx.db, [20001, 20002]);
 */
export function prepared<R>(
  build: (db: Kysely<Schema>, given: Given) => Compilable<R>,
): (db: Kysely<Schema>, value: Value) => Promise<R[]> {
  const run = preparedBy(["value"], (db, given) => build(db, given.value));
  return (db, value) => run(db, { value });
}

/**
 * The same for several values, by name. If Kysely needs a column's type, a value is written as `sql<number>` of it.
 *
 *   const between = preparedBy(["from", "to"], (db, { from, to }) =>
 *     db.selectFrom("events").select("pos").where("seq", ">=", sql<number>`${from}`).where("seq", "<", sql<number>`${to}`),
 *   );
 */
export function preparedBy<R, const N extends string>(
  names: readonly N[],
  build: (db: Kysely<Schema>, given: Record<N, Given>) => Compilable<R>,
): (db: Kysely<Schema>, values: Record<N, Value>) => Promise<R[]> {
  let compiled: CompiledQuery<R> | undefined;
  return async (db, values) => {
    compiled ??= build(
      db,
      Object.fromEntries(names.map((name) => [name, new Given(name)])) as Record<N, Given>,
    ).compile(db);
    const parameters = compiled.parameters.map((parameter) =>
      parameter instanceof Given ? bound(values[parameter.name as N]) : parameter,
    );
    const query: CompiledQuery<R> = { ...compiled, parameters };
    return (await db.executeQuery(query)).rows;
  };
}

function bound(value: Value): Cell {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}
