import type { Clock } from "../lib/clock.ts";
import type { HeavyWork } from "../limits/heavy-work.ts";
import type { Rates } from "../limits/rates.ts";
import type { ReadDatabase } from "./open.ts";
import type { Writes } from "./writer.ts";

/**
 * What every action of a feature stands on; each feature adds its own parts (`rooms/rooms-context.ts` and the like), and
 * `src/context.ts` builds one object that has them all.
 */
export interface BaseContext {
  readonly db: ReadDatabase;
  /** Of the database; every cursor begins with it. */
  readonly epoch: string;
  readonly writes: Writes;
  readonly rates: Rates;
  readonly heavyWork: HeavyWork;
  /** For reads. Writes get their time from the writing thread. */
  readonly clock: Clock;
}
