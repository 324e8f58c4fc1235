import { type Trouble, wasTroubled } from "./troubles.ts";

/** When something that one server has answered holds on all of them. */
export interface Effect {
  readonly troubles: readonly Trouble[];
  /** How long a server may take that was not the one that answered; 0 if there is only one. */
  readonly elsewhereMs: number;
}

/** Whether what was answered at `from` had to hold for what `node` was asked at `askedAt`, if the server that answers may take `withinMs`. */
export function hadToHold(
  { troubles, elsewhereMs }: Effect,
  { from, askedAt, node, withinMs = 0 }: { from: number; askedAt: number; node: number; withinMs?: number },
): boolean {
  const late = askedAt - from > Math.max(withinMs, elsewhereMs);
  return late && !wasTroubled(troubles, node, { from, to: askedAt });
}
