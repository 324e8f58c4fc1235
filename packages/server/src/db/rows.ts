import { type CompiledQuery, type Kysely, type RawBuilder, sql } from "kysely";
import { BoundList, BoundRows, type BoundType } from "./bound.ts";
import type { Cell, Given } from "./prepared.ts";
import type { Schema } from "./schema.ts";

/** A list of numbers as one bound value, so that the statement's text does not depend on how many there are. For `where("uid", "in", …)`. */
export function numberList(values: readonly number[] | Given): RawBuilder<number> {
  return sql<number>`${new BoundList("number", values)}`;
}

/** The same for texts. */
export function textList<T extends string>(values: readonly T[] | Given): RawBuilder<T> {
  return sql<T>`${new BoundList("text", values)}`;
}

/** What the columns of bound rows hold. */
export type RowOf<C extends Readonly<Record<string, BoundType>>> = {
  [K in keyof C]: { number: number; text: string; flag: 0 | 1; "number?": number | null; "text?": string | null }[C[K]];
};

/**
 * Rows as one bound value, to join with or to update from; the statement's text does not depend on how many there are.
 * Use as `selectFrom(boundRows({ uid: "number" }, rows).as("asked"))`. The cells of a row stand in the order of the columns.
 */
export function boundRows<const C extends Readonly<Record<string, BoundType>>>(
  columns: C,
  values: readonly (readonly Cell[])[] | Given,
): RawBuilder<RowOf<C>> {
  return sql<RowOf<C>>`${new BoundRows(Object.entries(columns), values)}`;
}

/** What happens to a row whose key is taken. */
export interface Conflict<C extends string> {
  readonly key: readonly C[];
  /** Columns that get the new row's values; with neither this nor `update`, the old row stays as it is. */
  readonly take?: readonly C[];
  /** Further columns, each with an SQL expression of the old row, by the table's name, and of the new one, as `excluded`. */
  readonly update?: Readonly<Partial<Record<C, string>>>;
}

/** Rows to insert, as a connection gets them: how they cross is the database's own matter. */
export interface InsertOfRows extends CompiledQuery {
  readonly insert: {
    readonly table: string;
    readonly columns: readonly string[];
    readonly values: readonly (readonly Cell[])[];
    readonly conflict: Conflict<string> | undefined;
  };
}

export function isInsertOfRows(query: CompiledQuery): query is InsertOfRows {
  return "insert" in query;
}

/**
 * Inserts many rows, as one query of Kysely. Throws if one fails; the transaction has to be undone then. Of rows with the same key of `conflict` the last
 * counts; with an `update` there must be none.
 */
export async function insertRows<T extends keyof Schema & string>(
  db: Kysely<Schema>,
  table: T,
  rows: {
    columns: readonly (keyof Schema[T] & string)[];
    values: readonly (readonly Cell[])[];
    conflict?: Conflict<keyof Schema[T] & string>;
  },
): Promise<void> {
  if (rows.values.length === 0) return;
  const { columns, values, conflict } = rows;
  const query: InsertOfRows = {
    sql: `insert into "${table}"`,
    parameters: [],
    query: undefined as never,
    queryId: undefined as never,
    insert: { table, columns, values, conflict },
  };
  await db.executeQuery(query);
}

/** Text of what follows the rows of an insert; the same on both databases. */
export function conflictText(conflict: Conflict<string> | undefined): string {
  if (!conflict) return "";
  const taken = (conflict.take ?? []).map((column) => `"${column}" = excluded."${column}"`);
  const updated = Object.entries(conflict.update ?? {}).map(([column, expression]) => `"${column}" = ${expression}`);
  const changes = [...taken, ...updated];
  const key = conflict.key.map((column) => `"${column}"`).join(", ");
  const what = changes.length === 0 ? "nothing" : `update set ${changes.join(", ")}`;
  return ` on conflict (${key}) do ${what}`;
}
