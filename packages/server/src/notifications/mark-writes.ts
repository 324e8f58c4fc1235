import { type Counters, type NotificationMarks, Push, type PushData, userStream } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows, insertRows, numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { type Outcome, sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import type { Actor } from "../rooms/rooms.ts";
import { countersOf } from "./counters.ts";

/** What a person does with their notifications: with all up to an id (0: with none so), and with some by their ids, which are not just seen. */
export interface NoticeAct {
  readonly kind: "seen" | "read" | "archived";
  readonly upTo: number;
  readonly ids: readonly number[];
}

export interface MarkNotices {
  readonly actor: Actor;
  readonly act: NoticeAct;
}

interface Places {
  seen: number;
  read: number;
}

/** One of a person's, by its id. */
interface Mark {
  readonly uid: number;
  readonly id: number;
  readonly toAll: 0 | 1;
  read: 0 | 1;
  archived: 0 | 1;
}

/**
 * Marks notifications seen, read or archived, for all people who wait, by set queries. SELF tells what is new to a person's other devices, with
 * the counters as the batch leaves them. Ids that are not in a person's list are passed over. Refuses nothing.
 * @returns the counters
 */
export async function markNotices(tx: WriteTransaction, inputs: readonly MarkNotices[]): Promise<Outcome<Counters>[]> {
  const uids = [...new Set(inputs.map(({ actor }) => actor.uid))];
  const places = await placesOf(tx.db, uids);
  const marks = await marksOf(tx.db, inputs);
  const moved = new Set<number>();
  const marked = new Set<Mark>();
  const told = inputs.flatMap(({ actor: { uid }, act }): { uid: number; marks: NotificationMarks }[] => {
    const place = places.get(uid);
    // Their account was deleted while the request was on its way, and nothing of theirs may be written any more.
    if (!place) return [];
    const done = perform(act, { place, end: tx.end.pos, markOf: (id) => marks.get(markKey(uid, id)) });
    if (done.movedTo !== undefined) moved.add(uid);
    for (const mark of done.changed) marked.add(mark);
    const news = newsOf(act, done);
    return news ? [{ uid, marks: news }] : [];
  });
  await store(tx, {
    places: [...moved].map((uid) => ({ uid, ...(places.get(uid) as Places) })),
    marks: [...marked],
  });
  const counters = await countersOf(tx.db, { uids, now: tx.clockNow });
  await append(
    tx,
    told.map(({ uid, marks }) => {
      const data: PushData[109] = { ...marks, ...(counters.get(uid) as Counters) };
      return { stream: userStream(uid), type: Push.SELF, data: () => JSON.stringify(data) };
    }),
  );
  return inputs.map(({ actor }) => ({ ok: true, value: counters.get(actor.uid) as Counters }));
}

interface Done {
  /** Undefined: the place was there already, or beyond. */
  readonly movedTo: number | undefined;
  readonly changed: readonly Mark[];
}

/** Changes the place and the marks that it is given. */
function perform(
  { kind, upTo, ids }: NoticeAct,
  { place, end, markOf }: { place: Places; end: number; markOf: (id: number) => Mark | undefined },
): Done {
  // What does not exist yet cannot have been seen.
  const to = Math.min(upTo, end);
  const isMoved = kind !== "archived" && to > place[kind];
  if (isMoved) place[kind] = to;
  const changed = [...new Set(ids)].flatMap((id) => {
    const mark = kind === "seen" ? undefined : markOf(id);
    if (!mark || kind === "seen" || mark[kind] === 1 || (kind === "read" && id <= place.read)) return [];
    mark[kind] = 1;
    return [mark];
  });
  return { movedTo: isMoved ? to : undefined, changed };
}

/** What other devices are told; undefined: nothing has changed. */
function newsOf({ kind }: NoticeAct, { movedTo, changed }: Done): NotificationMarks | undefined {
  if (movedTo === undefined && changed.length === 0) return undefined;
  const ids = changed.map(({ id }) => id);
  if (kind === "archived") return { notificationsArchived: ids };
  if (kind === "seen") return { notificationsSeen: movedTo as number };
  return {
    notificationsRead: { ...(movedTo === undefined ? {} : { upTo: movedTo }), ...(ids.length === 0 ? {} : { ids }) },
  };
}

function markKey(uid: number, id: number): string {
  return `${uid} ${id}`;
}

/** Of each person who is there. */
async function placesOf(db: Kysely<Schema>, uids: readonly number[]): Promise<Map<number, Places>> {
  const rows = await placeRows(db, uids);
  return new Map(rows.map(({ uid, seen, read }) => [uid, { seen: seen ?? 0, read: read ?? 0 }]));
}

const placeRows = prepared((db, uids) =>
  db
    .selectFrom("users")
    .leftJoin("notification_places as place", "place.uid", "users.uid")
    .select(["users.uid", "place.seen_up_to as seen", "place.read_up_to as read"])
    .where("users.uid", "in", numberList(uids))
    .where("users.deleted_at", "is", null),
);

/** Those of the ids that are in the list of whoever names them. Key: `markKey`. */
async function marksOf(db: Kysely<Schema>, inputs: readonly MarkNotices[]): Promise<Map<string, Mark>> {
  const asked = inputs.flatMap(({ actor: { uid }, act }) => act.ids.map((id) => [uid, id]));
  const rows = asked.length === 0 ? [] : await markRows(db, asked);
  return new Map(rows.map((row) => [markKey(row.uid, row.id), row]));
}

const markRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ uid: "number", id: "number" }, asked).as("asked"))
    .innerJoin("notifications as notice", "notice.id", "asked.id")
    .innerJoin("users", "users.uid", "asked.uid")
    .leftJoin("notification_recipients as own", (join) =>
      join.onRef("own.uid", "=", "asked.uid").onRef("own.notification_id", "=", "asked.id"),
    )
    .leftJoin("notification_marks as mark", (join) =>
      join.onRef("mark.uid", "=", "asked.uid").onRef("mark.notification_id", "=", "asked.id"),
    )
    .select(["asked.uid", "asked.id", "notice.to_all as toAll"])
    .select(sql<0 | 1>`coalesce(own.read, mark.read, 0)`.as("read"))
    .select(sql<0 | 1>`coalesce(own.archived, mark.archived, 0)`.as("archived"))
    .where("notice.is_gone", "=", 0)
    .where("notice.is_swept", "=", 0)
    .where((eb) =>
      eb.or([
        eb("own.uid", "is not", null),
        eb.and([eb("notice.to_all", "=", 1), eb("notice.at", ">=", eb.ref("users.created_at"))]),
      ]),
    ),
);

async function store(
  tx: WriteTransaction,
  { places, marks }: { places: readonly (Places & { uid: number })[]; marks: readonly Mark[] },
): Promise<void> {
  sent(
    tx,
    insertRows(tx.db, "notification_places", {
      columns: ["uid", "seen_up_to", "read_up_to"],
      values: places.map(({ uid, seen, read }) => [uid, seen, read]),
      conflict: { key: ["uid"], take: ["seen_up_to", "read_up_to"] },
    }),
  );
  sent(
    tx,
    insertRows(tx.db, "notification_marks", {
      columns: ["uid", "notification_id", "read", "archived"],
      values: marks.flatMap(({ toAll, uid, id, read, archived }) => (toAll === 1 ? [[uid, id, read, archived]] : [])),
      conflict: { key: ["uid", "notification_id"], take: ["read", "archived"] },
    }),
  );
  const own = marks.flatMap(({ toAll, uid, id, read, archived }) => (toAll === 0 ? [[uid, id, read, archived]] : []));
  if (own.length > 0) await storeOwn(tx.db, own);
}

const storeOwn = prepared((db, marks) =>
  db
    .updateTable("notification_recipients")
    .from(boundRows({ uid: "number", id: "number", read: "flag", archived: "flag" }, marks).as("marked"))
    .set((eb) => ({ read: eb.ref("marked.read"), archived: eb.ref("marked.archived") }))
    .whereRef("notification_recipients.uid", "=", "marked.uid")
    .whereRef("notification_recipients.notification_id", "=", "marked.id"),
);
