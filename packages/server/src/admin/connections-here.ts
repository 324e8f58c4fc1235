import type { AdminContext } from "./admin-context.ts";
import { type LiveConnection, TRANSPORT_NAMES, type TransportName } from "./live-connections.ts";

/** Which connections are asked for; the same question goes to every node. */
export interface ConnectionFilter {
  readonly uid?: number | undefined;
  readonly ip?: string | undefined;
  readonly transport?: TransportName | undefined;
  /** Only those behind this one. */
  readonly behind?: Place | undefined;
  /** The most that are wanted. */
  readonly most: number;
}

/** Where a connection stands in the list of all nodes; no two have the same place. */
export type Place = Pick<LiveConnection, "transport" | "since" | "serial" | "id">;

/** A connection, the node that has it, and how many rooms its person is in, the hall apart; 0 for nobody. */
export interface PlacedConnection extends LiveConnection {
  readonly node: string;
  readonly rooms: number;
}

/** The first ones of this node, in the order of the list. A look at all of them, in memory. */
export function connectionsHere(
  { live, presence, channel }: Pick<AdminContext, "live" | "presence" | "channel">,
  { uid, ip, transport, behind, most }: ConnectionFilter,
): PlacedConnection[] {
  const found: LiveConnection[] = [];
  for (const one of live.connections({ uid })) {
    if ((transport !== undefined && one.transport !== transport) || (ip !== undefined && one.ip !== ip)) continue;
    if (behind && byPlace(one, behind) <= 0) continue;
    keepFirst(found, one, most);
  }
  return found.map((one) => ({ ...one, node: channel.place.self, rooms: presence.roomCountOf(one.uid) }));
}

export function connectionHere(
  { live, channel }: Pick<AdminContext, "live" | "channel">,
  id: string,
): PlacedConnection | undefined {
  const there = Iterator.from(live.connections({ uid: undefined })).find((one) => one.id === id);
  return there && { ...there, node: channel.place.self, rooms: 0 };
}

/** By transport, then in the order in which they began. */
export function byPlace(a: Place, b: Place): number {
  const ofTransport = TRANSPORT_NAMES.indexOf(a.transport) - TRANSPORT_NAMES.indexOf(b.transport);
  return ofTransport || a.since - b.since || a.serial - b.serial || (a.id < b.id ? -1 : Number(a.id > b.id));
}

/** Puts one into a sorted list that keeps the first `most`. Most come in order, so the search begins at the end. */
function keepFirst(sorted: LiveConnection[], one: LiveConnection, most: number): void {
  let at = sorted.length;
  while (at > 0 && byPlace(sorted[at - 1] as LiveConnection, one) > 0) at -= 1;
  if (at >= most) return;
  sorted.splice(at, 0, one);
  if (sorted.length > most) sorted.pop();
}
