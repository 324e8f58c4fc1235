import type { RawBuilder } from "kysely";

/**
 * Something that is counted for a person, or a part of their counts, as two numbers. Each feature gives its selection of such rows, and
 * one statement reads them all: a start has few statements (`reader-starts.ts`).
 */
export interface CountRow {
  /** 0: of everybody. */
  readonly uid: number;
  readonly what:
    | "hall"
    | "own notices"
    | "notice places"
    | "since"
    | "everybody's notice"
    | "notice mark"
    | "friend requests";
  readonly first: number;
  readonly second: number;
}

/** Selects rows of some people; joined with others by `union all`. */
export type CountRows = RawBuilder<CountRow>;
