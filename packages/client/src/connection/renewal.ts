import { backoffMs } from "../lib/backoff.ts";
import { pause } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";

export interface RenewalParts {
  readonly timing: Timing;
  readonly random: () => number;
  /** The next token, where `ending` ends soon. */
  readonly token: (ending: string) => Promise<string>;
  /** Called with what the product's function throws. */
  readonly onError: (error: unknown) => void;
}

/**
 * Gets the next token while the connection goes on with the one that ends soon. Where none can be had, or the same one comes again, it
 * is asked for again, with pauses that grow, until the connection ends.
 * @param from attempts that came to nothing before
 */
export async function renew(
  parts: RenewalParts,
  { ending, from, signal }: { ending: string; from: number; signal: AbortSignal },
): Promise<string | undefined> {
  const { timing, random, token, onError } = parts;
  for (let attempts = from; ; attempts++) {
    if (attempts > 0) await pause(backoffMs(attempts - 1, random(), timing), signal);
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
