import { LOCAL_RATES, SHARED_RATES } from "./limits.ts";
import { LocalRate } from "./local-rate.ts";
import type { RateRow } from "./row.ts";
import { SharedRate } from "./shared-rate.ts";

/** The counts of one process: one for each rate of the table. */
export type Rates = Readonly<
  Record<keyof typeof LOCAL_RATES, LocalRate> & Record<keyof typeof SHARED_RATES, SharedRate>
>;

/**
 * @param enabled false lifts all that do not always hold: RATE_LIMITS=off
 * @param signInsOverall the operator's number in place of the table's
 */
export function createRates({ enabled, signInsOverall }: { enabled: boolean; signInsOverall: number }): Rates {
  const local = (row: RateRow) => new LocalRate(row, { enabled: enabled || row.always === true });
  return {
    ...mapped(LOCAL_RATES, local),
    ...mapped(SHARED_RATES, (row) => new SharedRate(row, { enabled })),
    signInsOverall: new SharedRate({ ...SHARED_RATES.signInsOverall, count: signInsOverall }, { enabled }),
  };
}

function mapped<K extends string, Row, T>(rows: Readonly<Record<K, Row>>, make: (row: Row) => T): Record<K, T> {
  return Object.fromEntries(Object.entries<Row>(rows).map(([id, row]) => [id, make(row)])) as Record<K, T>;
}
