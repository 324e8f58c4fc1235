import { checkHallOpen } from "./rights.ts";
import { type Actor, actorOf } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";
import type { OwnSettings } from "./setting-writes.ts";
import * as procedures from "./setting-writes.ts";

/**
 * Pins a room, or mutes it, for the actor alone, on all their devices; what is left out stays as it is. Neither changes what is unread
 * or what is pushed: clients show it.
 * @throws ProblemError `not_found`, `forbidden` after leaving, `room_dissolved`, `rate_limited`
 */
export async function changeSettings(
  { writes, hall, rates }: Pick<RoomsContext, "writes" | "hall" | "rates">,
  actor: Actor,
  { roomId, changes }: { roomId: number; changes: Partial<OwnSettings> },
): Promise<OwnSettings> {
  checkHallOpen(roomId, hall, actor);
  rates.ownSettings.take(actor.uid);
  return writes.run(procedures.changeSettings, { actor: actorOf(actor), roomId, changes });
}
