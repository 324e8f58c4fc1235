import { type Effect, hadToHold } from "./effect.ts";
import type { Moments } from "./moments.ts";
import type { Places } from "./places.ts";
import type { Problems } from "./problems.ts";
import type { BanWatch } from "./wire-log.ts";

export const TOLD_BANNED = "told, though banned";
/** What a banned person wrote. */
export const SHOWN_BANNED = "shown, though its author is banned";

/** A ban takes effect within this time. */
const EFFECTIVE_MS = 1_000;

/**
 * Between the answer to a ban and the request that ends it, the banned person gets nothing. What the network held back was sent earlier:
 * such an event is older than the ban, and so is its connection.
 */
export function checkBans(
  watches: readonly BanWatch[],
  {
    name,
    places,
    moments,
    effect,
    problems,
  }: { name: string; places: Places; moments: Moments; effect: Effect; problems: Problems },
): void {
  for (const { from, came } of watches) {
    const heldBack = moments.atMost(from + EFFECTIVE_MS);
    for (const { type, stream, seq, askedAt, node } of came) {
      const isOlder = askedAt <= from + EFFECTIVE_MS && (stream === undefined || places.posOf(stream, seq) <= heldBack);
      const at = Math.max(askedAt, from + EFFECTIVE_MS + 1);
      if (isOlder || !hadToHold(effect, { from, askedAt: at, node, withinMs: EFFECTIVE_MS })) continue;
      const late = Math.round(askedAt - from);
      problems.add(TOLD_BANNED, `${name}: type ${type} ${stream} ${seq}, asked for ${late} ms after the ban`);
    }
  }
}
