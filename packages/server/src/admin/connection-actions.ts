import { invalidCursor } from "../http/page.ts";
import { type AdminActor, acting, countAct } from "../identity/administrator.ts";
import { ProblemError } from "../lib/problem.ts";
import type { AdminContext } from "./admin-context.ts";
import { noteAdminAct } from "./admin-writes.ts";
import { type LiveConnection, TRANSPORT_NAMES, type TransportName } from "./live-connections.ts";

/** A connection as the list shows it. */
export interface ListedConnection extends Omit<LiveConnection, "serial" | "loginId"> {
  /** How many rooms its person is in, the hall apart; 0 for nobody. */
  readonly rooms: number;
}

export interface ConnectionQuery {
  readonly uid: number | undefined;
  readonly ip: string | undefined;
  readonly transport: TransportName | undefined;
  /** From the page before. */
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** By transport, and then in the order of their beginning. A look at all of them, in memory, which takes a turn of heavy reads. */
export function listConnections(
  { live, presence }: Pick<AdminContext, "live" | "presence">,
  { uid, ip, transport, cursor, limit }: ConnectionQuery,
): { items: ListedConnection[]; nextCursor: string | null } {
  const from = cursor === undefined ? undefined : placeOf(cursor);
  const found: LiveConnection[] = [];
  for (const one of live.connections({ uid })) {
    if ((transport !== undefined && one.transport !== transport) || (ip !== undefined && one.ip !== ip)) continue;
    if (from && !isBehind(one, from)) continue;
    found.push(one);
    if (found.length > limit) break;
  }
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const nextCursor = found.length > limit && last ? `${last.transport}-${last.serial}` : null;
  return { items: page.map((one) => shownConnection(one, presence.roomCountOf(one.uid))), nextCursor };
}

/** As the list shows it: without its place in the list and its login, which are nobody else's. @param rooms how many its person is in */
export function shownConnection({ serial: _, loginId: __, ...shown }: LiveConnection, rooms: number): ListedConnection {
  return { ...shown, rooms };
}

/**
 * Closes a connection with 1000 and the reason, or answers a poll that hangs. Its client may come back.
 * @throws ProblemError `not_found`, `rate_limited`
 */
export async function closeConnection(
  context: AdminContext,
  actor: AdminActor,
  { id, reason }: { id: string; reason: string },
): Promise<void> {
  countAct(context, actor);
  const { live, writes } = context;
  const there = Iterator.from(live.connections({ uid: undefined })).find((one) => one.id === id);
  if (!there) throw new ProblemError("not_found", "There is no such connection");
  const { uid, ip, transport } = there;
  const before = { uid, ip, transport };
  await writes.run(noteAdminAct, {
    actor: acting(actor),
    act: "connection.close",
    target: id,
    before,
    after: { reason },
  });
  live.close(id, reason);
}

type Place = Pick<LiveConnection, "transport" | "serial">;

/** @throws ProblemError `invalid` */
function placeOf(cursor: string): Place {
  const [, name, serial] = /^([a-z]+)-(\d{1,16})$/.exec(cursor) ?? [];
  const transport = TRANSPORT_NAMES.find((one) => one === name);
  if (!transport) throw invalidCursor();
  return { transport, serial: Number(serial) };
}

function isBehind(one: Place, from: Place): boolean {
  if (one.transport === from.transport) return one.serial > from.serial;
  return TRANSPORT_NAMES.indexOf(one.transport) > TRANSPORT_NAMES.indexOf(from.transport);
}
