export interface Backoff {
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
}

export const BACKOFF: Backoff = { backoffFirstMs: 500, backoffMaxMs: 20_000 };

/** Full jitter: anything between the shortest wait and a bound that doubles. */
export function backoffMs(attempts: number, random: number, { backoffFirstMs, backoffMaxMs }: Backoff): number {
  const bound = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(attempts + 1, 16));
  return backoffFirstMs + random * (bound - backoffFirstMs);
}
