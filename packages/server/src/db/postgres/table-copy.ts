import { withoutZero } from "../../lib/without-zero.ts";
import { MoveRefused } from "../move-refused.ts";
import type { Cell } from "../prepared.ts";
import type { ColumnTypes } from "./connection.ts";
import type { PostgresTarget } from "./target.ts";

/** Rows are sent in portions of at most so many rows, and fewer if their texts together are longer than this. */
const ROWS_AT_ONCE = 2000;
const CHARACTERS_AT_ONCE = 2 ** 20;

type Row = Readonly<Record<string, unknown>>;

/**
 * Copies the rows of a table from SQLite, where a column can hold any value, to PostgreSQL, where it has a type. A 0 byte in a text, which PostgreSQL cannot store, is
 * replaced; any other value that does not fit is refused.
 */
export class TableCopy {
  readonly #table: string;
  readonly #columns: readonly { readonly name: string; readonly isText: boolean }[];
  readonly #target: PostgresTarget;
  #values: Cell[][] = [];
  #characters = 0;
  /** So far. */
  rows = 0;
  /** Texts in which a 0 byte was replaced. */
  mended = 0;

  constructor(table: string, { columns, types, target }: TableCopyParts) {
    this.#table = table;
    this.#columns = columns.map((name) => ({ name, isText: types.get(`${table}.${name}`) === "text" }));
    this.#target = target;
  }

  /** Takes a row. @returns whether the portion is complete, and to be sent */
  add(row: Row): boolean {
    this.#values.push(
      this.#columns.map(({ name, isText }) => (isText ? this.#text(row, name) : this.#number(row, name))),
    );
    this.rows += 1;
    return this.#values.length >= ROWS_AT_ONCE || this.#characters >= CHARACTERS_AT_ONCE;
  }

  /** Sends the portion. @throws also for what was sent before */
  send(): Promise<void> {
    const values = this.#values;
    this.#values = [];
    this.#characters = 0;
    return this.#target.insert(this.#table, { columns: this.#columns.map(({ name }) => name), values });
  }

  /** Sends the rest, and waits until everything is there. */
  async end(): Promise<void> {
    await this.send();
    await this.#target.inserted();
  }

  #text(row: Row, column: string): string | null {
    const value = row[column];
    if (value === null) return value;
    if (typeof value !== "string") throw this.#misfit(row, column, "a text");
    this.#characters += value.length;
    if (!value.includes("\0")) return value;
    this.mended += 1;
    return withoutZero(value);
  }

  #number(row: Row, column: string): number | null {
    const value = row[column];
    if (value === null || Number.isSafeInteger(value)) return value as number | null;
    throw this.#misfit(row, column, "a whole number of at most 53 bits");
  }

  #misfit(row: Row, column: string, wanted: string): MoveRefused {
    const key = this.#columns.slice(0, 2).map(({ name }) => `${name} is ${shown(row[name])}`);
    return new MoveRefused(
      `Nothing was moved: in the table ${this.#table}, where ${key.join(" and ")}, ${column} is ${shown(row[column])}, and has to be ${wanted}. No version of Parley writes that; correct it in a copy of the data folder, and move that.`,
    );
  }
}

export interface TableCopyParts {
  readonly columns: readonly string[];
  readonly types: ColumnTypes;
  readonly target: PostgresTarget;
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}
