import { LOCAL_RATES, SHARED_RATES } from "./limits.ts";
import { LocalRate } from "./local-rate.ts";
import type { RateTellings } from "./rate-tellings.ts";
import type { RateRow } from "./row.ts";
import { type CountedTogether, SharedRate } from "./shared-rate.ts";

export type SharedRateName = keyof typeof SHARED_RATES;

/** The counts of one process: one for each rate of the table. */
export type Rates = Readonly<Record<keyof typeof LOCAL_RATES, LocalRate> & Record<SharedRateName, CountedTogether>>;

/**
 * @param parts.enabled false lifts all that do not always hold: RATE_LIMITS=off
 * @param parts.signInsOverall the operator's number in place of the table's
 * @param parts.onFull told of a rate, by its name in the table, whenever it has no room for what is asked
 * @param parts.together who counts what is shared; undefined: this process does, alone
 * @param parts.tellings what tells the other nodes of the rates that are `told`; undefined: nobody is told
 */
export function createRates({ enabled, signInsOverall, onFull = () => {}, together, tellings }: RatesParts): Rates {
  const local = (row: RateRow, id: string) => {
    const told = row.told ? tellings : undefined;
    const onCounted = told && ((key: string | number, amount: number) => told.note(id, key, amount));
    const rate = new LocalRate(row, {
      enabled: enabled || row.always === true,
      onFull: () => onFull(id),
      onCounted,
    });
    told?.listen(id, (key, amount) => rate.countElsewhere(key, amount));
    return rate;
  };
  const shared = (row: RateRow, id: string): CountedTogether => {
    const of = { onFull: () => onFull(id) };
    return enabled && together
      ? together.shared(id as SharedRateName, { ...of, row })
      : new SharedRate(row, { ...of, enabled });
  };
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
  readonly together?: CountingTogether | undefined;
  readonly tellings?: RateTellings | undefined;
}

/** Counts for several processes: a supervisor for those of its machine (`worker-rates.ts`), Redis for all nodes (`redis/`). */
export interface CountingTogether {
  /**
   * @param of.row with the operator's number; another process that counts has its own
   * @param of.onFull to be called whenever there is no room, unless another process counts that too
   */
  shared(rate: SharedRateName, of: { readonly row: RateRow; readonly onFull: () => void }): CountedTogether;
}

function mapped<K extends string, Row, T>(
  rows: Readonly<Record<K, Row>>,
  make: (row: Row, id: string) => T,
): Record<K, T> {
  return Object.fromEntries(Object.entries<Row>(rows).map(([id, row]) => [id, make(row, id)])) as Record<K, T>;
}
