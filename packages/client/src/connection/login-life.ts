import type { ParleyError } from "../api/parley-error.ts";
import { pause } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";

/**
 * Keeps a login from ending while it is used: prolongs it when half of its time is over, and again and again until the signal fires. The
 * token stays the same, so nothing has to be stored or told to other tabs. Never rejects.
 * @param work.leftMs until it ends; undefined: nobody has said
 */
export async function keepLogin(work: {
  readonly leftMs: number | undefined;
  readonly prolong: () => Promise<unknown>;
  readonly timing: Timing;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { prolong, signal } = work;
  const { loginHalfMs, loginAgainMs } = work.timing;
  let waitMs = work.leftMs === undefined ? loginAgainMs : Math.max(0, work.leftMs - loginHalfMs);
  for (;;) {
    await pause(waitMs, signal);
    if (signal.aborted) return;
    try {
      await prolong();
      waitMs = loginHalfMs;
    } catch (error) {
      // Such as a token of the product's own, whose next one comes from there.
      if ((error as Partial<ParleyError>).canRetry === false) return;
      waitMs = loginAgainMs;
    }
  }
}
