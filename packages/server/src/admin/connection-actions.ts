import { invalidCursor } from "../http/page.ts";
import { type AdminActor, acting, countAct } from "../identity/administrator.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import { noteAdminAct } from "./admin-writes.ts";
import {
  byPlace,
  type ConnectionFilter,
  connectionHere,
  connectionsHere,
  type Place,
  type PlacedConnection,
} from "./connections-here.ts";
import { TRANSPORT_NAMES, type TransportName } from "./live-connections.ts";

/** A connection as the list shows it. */
export type ListedConnection = Omit<PlacedConnection, "serial" | "loginId">;

export interface ConnectionQuery {
  readonly uid: number | undefined;
  readonly ip: string | undefined;
  readonly transport: TransportName | undefined;
  /** From the page before. */
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** What all nodes have, by transport, and then in the order of their beginning. */
export async function listConnections(
  context: Pick<AdminContext, "live" | "presence" | "channel" | "questions">,
  { uid, ip, transport, cursor, limit }: ConnectionQuery,
): Promise<{ items: ListedConnection[]; nextCursor: string | null; missingNodes: string[] }> {
  const behind = cursor === undefined ? undefined : placeOf(cursor);
  const filter: ConnectionFilter = { uid, ip, transport, behind, most: limit + 1 };
  const { answers, silent } = await context.questions.ask<PlacedConnection[]>("connections", { filter });
  const found = [...connectionsHere(context, filter), ...answers.flat()].sort(byPlace);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const nextCursor = found.length > limit && last ? cursorAt(last) : null;
  return { items: page.map(shownConnection), nextCursor, missingNodes: silent.slice(0, SIZES.listedNodes.count) };
}

/** As the list shows it: without its place in the list and its login, which are nobody else's. */
export function shownConnection({ serial: _, loginId: __, ...shown }: PlacedConnection): ListedConnection {
  return shown;
}

/**
 * Closes a connection with 1000 and the reason, or answers a poll that hangs. Its client may come back.
 * @throws ProblemError `not_found`, `rate_limited`; `overloaded` where the node that has it, or one that may have it, did not answer
 */
export async function closeConnection(
  context: AdminContext,
  actor: AdminActor,
  { id, reason }: { id: string; reason: string },
): Promise<void> {
  countAct(context, actor);
  const there = await find(context, id);
  const { uid, ip, transport, node } = there;
  const before = { uid, ip, transport };
  const { live, writes, questions, channel } = context;
  await writes.run(noteAdminAct, {
    actor: acting(actor),
    act: "connection.close",
    target: id,
    before,
    after: { reason },
  });
  if (node === channel.place.self) return void live.close(id, reason);
  // A node that has ended is not asked, and has no connections any more.
  const { silent } = await questions.ask("close", { id, reason });
  if (silent.includes(node))
    throw noAnswer("The node that has this connection did not answer; it may be open still", [node]);
}

async function find(context: AdminContext, id: string): Promise<PlacedConnection> {
  const here = connectionHere(context, id);
  if (here) return here;
  const { answers, silent } = await context.questions.ask<PlacedConnection | null>("connection", { id });
  const there = answers.find((one) => one !== null);
  if (there) return there;
  if (silent.length === 0) throw new ProblemError("not_found", "There is no such connection");
  throw noAnswer("A node did not answer; it may have this connection", silent);
}

function noAnswer(message: string, silent: readonly string[]): ProblemError {
  const missingNodes = silent.slice(0, SIZES.listedNodes.count);
  return new ProblemError("overloaded", message, { retryAfterMs: 1000, extra: { missingNodes } });
}

function cursorAt({ transport, since, serial, id }: Place): string {
  return `${transport}-${since}-${serial}-${id}`;
}

/** @throws ProblemError `invalid` */
function placeOf(cursor: string): Place {
  const [, name, since, serial, id = ""] = /^([a-z]+)-(\d{1,16})-(\d{1,16})-(.{1,64})$/.exec(cursor) ?? [];
  const transport = TRANSPORT_NAMES.find((one) => one === name);
  if (!transport) throw invalidCursor();
  return { transport, since: Number(since), serial: Number(serial), id };
}
