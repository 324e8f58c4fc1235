import { backoffMs } from "../lib/backoff.ts";
import type { Surroundings } from "../lib/surroundings.ts";
import { pause } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";

export interface RenewalParts {
  readonly timing: Timing;
  readonly surroundings: Pick<Surroundings, "random">;
  /** The next token, where `ending` ends soon. */
  readonly token: (ending: string) => Promise<string>;
  /** Called with what the product's function throws. */
  readonly onError: (error: unknown) => void;
}

/** After a token that the server has refused the next one is asked for as after so many attempts that came to nothing. */
const REFUSED = 4;

/**
 * Gets the next token while the connection goes on with the one that ends soon. Where none can be had, or the same one comes again, it
 * is asked for again, with pauses that grow, until the connection ends.
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
      // The product has kept it, and has no other one yet.
      if (next !== ending) return next;
    } catch (error) {
      onError(error);
    }
  }
}
