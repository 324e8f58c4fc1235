import { LOCAL_RATES, SHARED_RATES } from "./limits.ts";
import { LocalRate } from "./local-rate.ts";
import type { RateRow } from "./row.ts";
import { SharedRate } from "./shared-rate.ts";

/** The counts of one process: one for each rate of the table. */
export type Rates = Readonly<
  Record<keyof typeof LOCAL_RATES, LocalRate> & Record<keyof typeof SHARED_RATES, SharedRate>
>;

/**
 * @param parts.enabled false lifts all that do not always hold: RATE_LIMITS=off
 * @param parts.signInsOverall the operator's number in place of the table's
 * @param parts.onFull told of a rate, by its name in the table, whenever it has no room for what is asked
 */
export function createRates({ enabled, signInsOverall, onFull = () => {} }: RatesParts): Rates {
  const local = (row: RateRow, id: string) =>
    new LocalRate(row, { enabled: enabled || row.always === true, onFull: () => onFull(id) });
  const shared = (row: RateRow, id: string) => new SharedRate(row, { enabled, onFull: () => onFull(id) });
  const overall = { ...SHARED_RATES.signInsOverall, count: signInsOverall };
  return {
    ...mapped(LOCAL_RATES, local),
    ...mapped(SHARED_RATES, shared),
    signInsOverall: shared(overall, "signInsOverall"),
  };
}

interface RatesParts {
  readonly enabled: boolean;
  readonly signInsOverall: number;
  readonly onFull?: ((limit: string) => void) | undefined;
}

function mapped<K extends string, Row, T>(
  rows: Readonly<Record<K, Row>>,
  make: (row: Row, id: string) => T,
): Record<K, T> {
  return Object.fromEntries(Object.entries<Row>(rows).map(([id, row]) => [id, make(row, id)])) as Record<K, T>;
}
