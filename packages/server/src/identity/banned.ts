import { ProblemError } from "../lib/problem.ts";

/** A ban, as shown to those whom it keeps out. */
export interface Ban {
  /** Epoch milliseconds; null: for good. */
  readonly until: number | null;
  /** Empty: none is given. */
  readonly reason: string;
}

/** The refusal of a banned person, or of anybody at a banned address. */
export function bannedProblem({ until, reason }: Ban): ProblemError {
  return new ProblemError("banned", reason === "" ? undefined : reason, { extra: { until, reason } });
}

/** The ban in a row that joins the table of bans; undefined if there is none. */
export function banOf(row: {
  readonly banId: number | null;
  readonly banUntil: number | null;
  readonly banReason: string | null;
}): Ban | undefined {
  return row.banId === null ? undefined : { until: row.banUntil, reason: row.banReason ?? "" };
}

/** What such a query selects; the table is joined as `bans`. */
export const BAN_COLUMNS = ["bans.id as banId", "bans.until as banUntil", "bans.reason as banReason"] as const;
