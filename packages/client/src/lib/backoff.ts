import type { Timing } from "./timing.ts";

/** Full jitter: anything between the shortest wait and a bound that doubles. */
export function backoffMs(attempts: number, random: number, timing: Timing): number {
  const { backoffFirstMs, backoffMaxMs } = timing;
  const bound = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(attempts + 1, 16));
  return backoffFirstMs + random * (bound - backoffFirstMs);
}
