import { type OnlineChange, SYSTEM_UID, userStream } from "@parley/protocol";
import { type AdminActor, acting, countAct } from "../identity/administrator.ts";
import { BAN_COLUMNS, type Ban, banOf } from "../identity/banned.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import { noteAdminAct } from "./admin-writes.ts";
import { type ListedConnection, shownConnection } from "./connection-actions.ts";
import { byPlace, type ConnectionFilter, connectionsHere, type PlacedConnection } from "./connections-here.ts";

/** One person, as they are live now. */
export interface LivePerson {
  readonly uid: number;
  readonly name: string;
  readonly power: 0 | 1;
  readonly disabled: boolean;
  readonly ban: Ban | null;
  readonly activeStatus: OnlineChange["activeStatus"];
  readonly lastOptTime: number | null;
  readonly rooms: number;
  readonly unread: number;
  /** On all nodes. */
  readonly connections: ListedConnection[];
  /** Those that did not say what they have. */
  readonly missingNodes: string[];
  /** Of their own stream, the newest first. */
  readonly events: ShownEvent[];
}

/** An event of the log. The texts of messages are not shown: administrators have no need to read what people write here. */
export interface ShownEvent {
  readonly stream: string;
  readonly pos: number;
  readonly seq: number;
  readonly type: number;
  readonly at: number;
  readonly messageId: number | null;
  /** Null: it shows a message, or is long. */
  readonly data: unknown;
}

/**
 * What one person has live, to find out why pushes do not reach them. A look is an act: it is counted and recorded.
 * @throws ProblemError `not_found`, `rate_limited`
 */
export async function lookAtPerson(context: AdminContext, actor: AdminActor, uid: number): Promise<LivePerson> {
  countAct(context, actor);
  const { db, presence, questions, starts, writes } = context;
  const person = await db
    .selectFrom("users")
    .leftJoin("bans", "bans.uid", "users.uid")
    .select(["users.uid", "name", "power", "disabled_at", ...BAN_COLUMNS])
    .where("users.uid", "=", uid)
    .where("users.uid", "!=", SYSTEM_UID)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (!person) throw new ProblemError("not_found", "There is no such user");
  await writes.run(noteAdminAct, { actor: acting(actor), act: "user.look", target: `${uid}` });
  const { total } = await starts.redDotOf(uid);
  const { rows } = await starts.roomsOf(uid);
  const { activeStatus, lastOptTime } = presence.stateOf(uid);
  const filter: ConnectionFilter = { uid, most: SIZES.shownConnections.count };
  const { answers, silent } = await questions.ask<PlacedConnection[]>("connections", { filter });
  const found = [...connectionsHere(context, filter), ...answers.flat()].sort(byPlace).slice(0, filter.most);
  const connections = found.map((one) => ({ ...shownConnection(one), rooms: rows.length }));
  return {
    uid,
    name: person.name,
    power: person.power,
    disabled: person.disabled_at !== null,
    ban: banOf(person) ?? null,
    activeStatus,
    lastOptTime,
    rooms: rows.length,
    unread: total,
    connections,
    missingNodes: silent.slice(0, SIZES.listedNodes.count),
    events: await ownEvents(context, uid),
  };
}

async function ownEvents({ db }: Pick<AdminContext, "db">, uid: number): Promise<ShownEvent[]> {
  const rows = await db
    .selectFrom("events")
    .select(["stream", "pos", "seq", "type", "at", "message_id as messageId", "data"])
    .where("stream", "=", userStream(uid))
    .orderBy("seq", "desc")
    .limit(SIZES.shownEvents.count)
    .execute();
  return rows.map(({ data, ...event }) => ({ ...event, data: shownData(data) }));
}

function shownData(data: string | null): unknown {
  return data === null || data.length > SIZES.shownEventData.count ? null : JSON.parse(data);
}
