import type { CompiledQuery, Kysely, QueryExecutorProvider } from "kysely";
import { adapterOf } from "./own-adapter.ts";
import type { Schema } from "./schema.ts";

export type Cell = number | string | null;

/** A value of a run: one cell, or a list or rows for `numberList`, `textList` and `boundRows`. */
export type Value = Cell | readonly Cell[] | readonly (readonly Cell[])[];

/** A placeholder in a prepared query for the value of that name, which each run gives. */
export class Given {
  /** @param convert what the database is handed for a value of a run */
  constructor(
    readonly name: string,
    readonly convert: (value: Value) => unknown = (value) => value,
  ) {}
}

/** Converts values that are there, or has those of each run converted. */
export function overGiven<V, R>(values: V | Given, convert: (values: V) => R): R | Given {
  return values instanceof Given ? new Given(values.name, (value) => convert(value as V)) : convert(values);
}

type Compilable<R> = { compile(provider: QueryExecutorProvider): CompiledQuery<R> };

/**
 * A query of one value that is built and compiled only at its first use. For what every send or every reader runs: Kysely takes
 * longer to compile such a query than SQLite to run it. Its text must not depend on the value.
 *
 *   const namesOf = prepared((db, uids) =>
 *     db.selectFrom("users").select("name").where("uid", "in", numberList(uids)),
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
  /** One for each kind of database. */
  const compiled = new Map<string, PreparedQuery<R>>();
  return async (db, values) => {
    const { kind } = adapterOf(db);
    let text = compiled.get(kind);
    if (!text) {
      const given = Object.fromEntries(names.map((name) => [name, new Given(name)])) as Record<N, Given>;
      text = { ...build(db, given).compile(db), isPrepared: true } as PreparedQuery<R>;
      if (READS_ALL.test(text.sql)) throw new Error(`a prepared query has to name its columns: ${text.sql}`);
      compiled.set(kind, text);
    }
    const parameters = text.parameters.map((parameter) =>
      parameter instanceof Given ? parameter.convert(values[parameter.name as N]) : parameter,
    );
    const query: CompiledQuery<R> = { ...text, parameters };
    return (await db.executeQuery(query)).rows;
  };
}

/**
 * "select *" of a table or `returning *`. Once a newer version has added a column, PostgreSQL refuses to run such a statement that it has prepared before, and
 * the older version runs on beside it. (The columns of bound rows are fixed.)
 */
const READS_ALL = /(?:^|[^(])select \*|"\.\*|returning \*/;

/** A query of which a connection may keep what the database has made of its text: there are as many as places in our code. */
interface PreparedQuery<R> extends CompiledQuery<R> {
  readonly isPrepared: true;
}

export function isPrepared(query: CompiledQuery): boolean {
  return "isPrepared" in query;
}
