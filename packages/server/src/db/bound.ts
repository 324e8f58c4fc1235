import type { Cell, Given } from "./prepared.ts";

/** Type of a bound column: a whole number below 2^53, a text, or 0 or 1; "?" where it may be null. */
export type BoundType = "number" | "text" | "flag" | "number?" | "text?";

/** A list of values in one query, which each database's compiler writes in its own way. */
export class BoundList {
  constructor(
    readonly type: "number" | "text",
    readonly values: readonly (number | string)[] | Given,
  ) {}
}

/** The same for rows of several columns. */
export class BoundRows {
  constructor(
    readonly columns: readonly (readonly [name: string, type: BoundType])[],
    readonly values: readonly (readonly Cell[])[] | Given,
  ) {}
}

/** A piece of a migration that each database says in other words. */
export class Wording {
  constructor(readonly means: "numbered key" | "number key" | "clustered") {}
}
