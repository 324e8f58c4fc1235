import type { AppResync } from "./app-resyncs.ts";
import { lastFor, type Memberships } from "./memberships.ts";
import { cursorParts, type Places } from "./places.ts";
import type { Problems } from "./problems.ts";

const WRONG_STATE = "state does not fit its place";

interface StateContext {
  readonly name: string;
  readonly places: Places;
  readonly memberships: Memberships;
  /** Its connections are never cut and it is never stopped, so it reads state after each RESYNC. */
  readonly isUndisturbed: boolean;
  readonly problems: Problems;
}

/** State says how far it goes in each room: that has to be the room's end for its reader, at the position that the state gives for itself. */
export function checkState(
  { told, state }: AppResync,
  { name, places, memberships, isUndisturbed, problems }: StateContext,
): void {
  if (!state && isUndisturbed)
    problems.add(WRONG_STATE, `${name}: none was read after ${told[0]?.stream} ${told[0]?.why}`);
  for (const { id, seq, asOf = state?.asOf ?? "" } of state?.rooms ?? []) {
    const stream = `room:${id}`;
    const head = places.reach(cursorParts(asOf), stream);
    const end = lastFor(memberships, stream, head);
    if (seq !== null && seq !== end) problems.add(WRONG_STATE, `${name} ${stream}: ${seq}, and ${end} as of ${asOf}`);
  }
}
