import { backoffMs } from "../lib/backoff.ts";
import type { Surroundings } from "../lib/surroundings.ts";
import { pause } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";

export interface RenewalParts {
  readonly timing: Timing;
  readonly surroundings: Pick<Surroundings, "random">;
  /** The next token, when `ending` ends soon. */
  readonly token: (ending: string) => Promise<string>;
  /** Called with what the product's function throws. */
  readonly onError: (error: unknown) => void;
}

/** After a refused token the wait for the next one is as long as after this many failed attempts. */
const REFUSED = 4;

/**
 * Gets the next token while the connection continues with the one that ends soon. If none can be had, or the same one comes again, it asks
 * again, with growing pauses, until the connection ends.
 */
export async function renew(
  { timing, surroundings, token, onError }: RenewalParts,
  { ending, wasRefused, signal }: { ending: string; wasRefused: boolean; signal: AbortSignal },
): Promise<string | undefined> {
  for (let attempts = wasRefused ? REFUSED : 0; ; attempts++) {
    if (attempts > 0) await pause(backoffMs(attempts - 1, surroundings.random(), timing), signal);
    if (signal.aborted) return undefined;
    try {
      const next = await token(ending);
      if (signal.aborted) return undefined;
      // The product has cached it, and has no other one yet.
      if (next !== ending) return next;
    } catch (error) {
      onError(error);
    }
  }
}
