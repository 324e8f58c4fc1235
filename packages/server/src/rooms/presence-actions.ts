import { ProblemError } from "../lib/problem.ts";
import type { ShownState } from "../presence/presence.ts";
import type { Actor } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";
import { sharesPresence } from "./shared-rooms.ts";
import { offline, statesFor } from "./shown-presence.ts";

/**
 * Says which of these people are online, in the order of the request, and how many people are online in all. People whom the reader may not
 * see are left out: everybody with whom they share no room with presence. Without an actor: an anonymous reader of a public hall, who gets
 * only the number.
 */
export async function getPresence(
  { db, hall, presence, rates }: RoomsContext,
  actor: Pick<Actor, "uid"> | undefined,
  userIds: readonly number[],
): Promise<{ items: ShownState[]; onlineNum: number }> {
  if (!actor && hall.access !== "public") throw new ProblemError("unauthorized");
  if (actor && userIds.length > 0) rates.presence.take(actor.uid, userIds.length);
  const asked = actor ? [...new Set(userIds)] : [];
  const others = asked.filter((uid) => uid !== actor?.uid);
  const shared = actor ? await sharesPresence(db, actor.uid, { others }) : new Set<number>();
  const rest = others.filter((uid) => !shared.has(uid));
  const untold = actor ? await sharesPresence(db, actor.uid, { others: rest, untold: true }) : new Set<number>();
  const seen = asked.filter((uid) => uid === actor?.uid || shared.has(uid) || untold.has(uid));
  const stateOf = actor ? await statesFor({ db, presence }, actor.uid, seen) : presence.stateOf;
  return { items: seen.map((uid) => (untold.has(uid) ? offline(uid) : stateOf(uid))), onlineNum: presence.count };
}
