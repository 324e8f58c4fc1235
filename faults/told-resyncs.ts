import type { AppResync } from "./app-resyncs.ts";
import { framesOf } from "./check-starts.ts";
import type { Problems } from "./problems.ts";
import type { ResyncFrame } from "./resync-due.ts";
import type { WireStart } from "./wire-log.ts";

const UNTOLD_RESYNC = "RESYNC told otherwise than on the wire";

/** RESYNCs that an application got, with the frames as they were on the wire. */
export interface ToldResync {
  readonly told: AppResync;
  readonly frames: readonly ResyncFrame[];
}

/**
 * Finds each RESYNC on the wire, the latest one first: one that came again had not been acted on. On a connection that may break
 * at any time, the client may have been sent RESYNCs that it never got; on an undisturbed one it reports all that came whole.
 */
export function pairResyncs(
  { told, starts }: { told: readonly AppResync[]; starts: readonly WireStart[] },
  { name, isUndisturbed, problems }: { name: string; isUndisturbed: boolean; problems: Problems },
): ToldResync[] {
  const pairs: ToldResync[] = [];
  let rest = starts.filter(({ resyncs }) => resyncs.length > 0).map((start) => ({ ...start, frames: framesOf(start) }));
  const untold: typeof rest = [];
  for (const one of told.toReversed()) {
    const at = rest.findLastIndex(
      ({ cursor, frames }) => cursor === one.cursor && said(frames.slice(0, one.told.length)) === said(one.told),
    );
    const found = rest[at];
    if (!found) {
      problems.add(UNTOLD_RESYNC, `${name}: told ${said(one.told)}, which was not on the wire`);
      continue;
    }
    pairs.unshift({ told: one, frames: found.frames.slice(0, one.told.length) });
    untold.push(...rest.slice(at + 1));
    rest = rest.slice(0, at);
  }
  for (const { frames, whole } of isUndisturbed ? [...rest, ...untold] : []) {
    if (whole) problems.add(UNTOLD_RESYNC, `${name}: ${said(frames)} on the wire, and not told`);
  }
  return pairs;
}

function said(told: readonly { stream: string; why: string }[]): string {
  return told.map(({ stream, why }) => `${stream} ${why}`).join(", ");
}
