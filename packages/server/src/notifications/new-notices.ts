import { ALL_STREAM, Push, SERVER_LIMITS, userOfStream, userStream } from "@parley/protocol";
import { sql } from "kysely";
import { prepared, preparedBy } from "../db/prepared.ts";
import { boundRows, insertRows, numberList, textList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";
import { CAPS } from "../limits/caps.ts";
import { noticeText, type ShownNotice } from "./notice-data.ts";
import { changeKept, counted, goneDraft, type Listed, removeListed } from "./notice-rows.ts";

/** A notification that is to be sent, to existing people. */
export interface NewNotice {
  readonly kind: string;
  readonly key: string | null;
  readonly collapseKey: string | null;
  readonly title: string;
  readonly text: string;
  readonly link: string | null;
  /** JSON text. */
  readonly data: string | null;
  /** Null: it is kept for the longest time. */
  readonly ttlMs: number | null;
  /** Each once. */
  readonly to: readonly number[] | "all";
}

/** How long a notification without an expiry is kept. */
const KEPT_MS = SERVER_LIMITS.ttlSecondsMax * 1000;

interface StoredNotice extends ShownNotice {
  readonly notice: NewNotice;
}

/**
 * Stores and logs notifications, in order, by set queries whatever their number. Each is one row, and an event for each person or one for
 * all. An earlier one with the same `collapseKey` leaves the lists of those who get the later one; beyond the number that is kept the oldest leaves.
 * @returns their ids, which are the positions of their first events
 */
export async function storeNotices(tx: WriteTransaction, notices: readonly NewNotice[]): Promise<number[]> {
  if (notices.length === 0) return [];
  const latest = await latestByCollapseKey(tx, notices);
  const leaving: Listed[] = await oldestBeyond(tx, notices, latest);
  const drafts: Draft[] = leaving.map(goneDraft);
  const next = tx.end.pos + 1;
  const stored = notices.map((notice): StoredNotice => {
    const earlier = streamsOf(notice).flatMap((stream) => {
      const id = latest.get(collapseAt(stream, notice));
      return id === undefined ? [] : [{ stream, id }];
    });
    leaving.push(...earlier);
    drafts.push(...earlier.map(goneDraft));
    const row = rowOf(tx, notice, next + drafts.length);
    drafts.push(...draftsOf(tx, row));
    if (notice.collapseKey !== null) {
      for (const stream of streamsOf(notice)) latest.set(collapseAt(stream, notice), row.id);
    }
    return row;
  });
  await append(tx, drafts);
  await insert(tx, stored);
  // After the others, because one of this batch may leave in favour of a later one in it.
  await removeListed(tx, leaving);
  return stored.map(({ id }) => id);
}

function streamsOf({ to }: NewNotice): string[] {
  return to === "all" ? [ALL_STREAM] : to.map(userStream);
}

function collapseAt(stream: string, { collapseKey }: Pick<NewNotice, "collapseKey">): string {
  return `${stream} ${collapseKey}`;
}

function rowOf(tx: WriteTransaction, notice: NewNotice, id: number): StoredNotice {
  const { kind, title, text, link, data, ttlMs } = notice;
  const expiresAt = tx.clockNow + (ttlMs ?? KEPT_MS);
  return { notice, id, kind, title, text, link, data, at: tx.now, expiresAt, done: 0 };
}

function draftsOf(tx: WriteTransaction, row: StoredNotice): Draft[] {
  const data = noticeText(row, tx.clockNow);
  const { id, notice } = row;
  return streamsOf(notice).map((stream) => ({
    stream,
    type: Push.NOTIFICATION,
    message: { id, storesData: false },
    // Expiry has no event that would make memory forget the text.
    cacheable: notice.ttlMs === null,
    data: () => data,
  }));
}

async function insert(tx: WriteTransaction, stored: readonly StoredNotice[]): Promise<void> {
  sent(
    tx,
    insertRows(tx.db, "notifications", {
      columns: [
        ...(["id", "kind", "key", "collapse_key", "title", "text", "link", "data", "at", "expires_at"] as const),
        ...(["has_ttl", "to_all", "recipients"] as const),
      ],
      values: stored.map(({ notice, ...row }) => {
        const { key, collapseKey, ttlMs, to } = notice;
        const reach = to === "all" ? [1, 1] : [0, to.length];
        const shown = [row.title, row.text, row.link, row.data, row.at, row.expiresAt];
        return [row.id, row.kind, key, collapseKey, ...shown, ttlMs === null ? 0 : 1, ...reach];
      }),
    }),
  );
  const own = stored.flatMap(({ id, notice: { to, collapseKey } }) =>
    to === "all" ? [] : to.map((uid) => ({ uid, id, collapseKey })),
  );
  sent(
    tx,
    insertRows(tx.db, "notification_recipients", {
      columns: ["uid", "notification_id", "collapse_key"],
      values: own.map(({ uid, id, collapseKey }) => [uid, id, collapseKey]),
    }),
  );
  await changeKept(
    tx,
    counted(
      own.map(({ uid }) => uid),
      1,
    ),
  );
}

/** The existing notifications with the same `collapseKey`, by the list that they are in. */
async function latestByCollapseKey(tx: WriteTransaction, notices: readonly NewNotice[]): Promise<Map<string, number>> {
  const collapsing = notices.filter(({ collapseKey }) => collapseKey !== null);
  const own = collapsing.flatMap(({ to, collapseKey }) => (to === "all" ? [] : to.map((uid) => [uid, collapseKey])));
  const keys = collapsing.flatMap(({ to, collapseKey }) => (to === "all" ? [collapseKey as string] : []));
  const listed = own.length === 0 ? [] : await ownByCollapseKey(tx.db, own);
  const ofAll = keys.length === 0 ? [] : await everybodysByCollapseKey(tx.db, keys);
  return new Map([
    ...listed.map(({ uid, collapseKey, id }) => [collapseAt(userStream(uid), { collapseKey }), id] as const),
    ...ofAll.map(({ collapseKey, id }) => [collapseAt(ALL_STREAM, { collapseKey }), id] as const),
  ]);
}

const ownByCollapseKey = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ uid: "number", collapse_key: "text" }, asked).as("asked"))
    .innerJoin("notification_recipients as own", (join) =>
      join
        .onRef("own.uid", "=", "asked.uid")
        .onRef("own.collapse_key", "=", "asked.collapse_key")
        // The index has these only.
        .on("own.collapse_key", "is not", null),
    )
    .select(["own.uid", "own.collapse_key as collapseKey", "own.notification_id as id"]),
);

const everybodysByCollapseKey = prepared((db, keys) =>
  db
    .selectFrom("notifications")
    .select(["id", "collapse_key as collapseKey"])
    .where("to_all", "=", sql.lit(1))
    .where("is_swept", "=", sql.lit(0))
    .where("is_gone", "=", 0)
    .where("collapse_key", "in", textList(keys)),
);

/** Those that have to leave each list, oldest first, so that no list exceeds its bound. */
async function oldestBeyond(
  tx: WriteTransaction,
  notices: readonly NewNotice[],
  latest: ReadonlyMap<string, number>,
): Promise<Listed[]> {
  /** For each list: how many more it will have, and which of its entries leave in favour of others. */
  const growth = new Map<string, { more: number; keys: Set<string>; left: Set<number> }>();
  for (const notice of notices) {
    for (const stream of streamsOf(notice)) {
      const list = growth.get(stream) ?? { more: 0, keys: new Set(), left: new Set() };
      growth.set(stream, list);
      const earlier = latest.get(collapseAt(stream, notice));
      if (notice.collapseKey === null || !list.keys.has(notice.collapseKey)) list.more += 1;
      if (notice.collapseKey === null || list.keys.has(notice.collapseKey)) continue;
      list.keys.add(notice.collapseKey);
      if (earlier === undefined) continue;
      list.more -= 1;
      list.left.add(earlier);
    }
  }
  const kept = await keptIn(tx, [...growth.keys()]);
  const over = [...growth].flatMap(([stream, { more, left }]) => {
    const count = (kept.get(stream) ?? 0) + more - CAPS.notifications.count;
    return more > 0 && count > 0 ? [{ stream, left, count }] : [];
  });
  if (over.length === 0) return [];
  const oldest = await oldestOf(
    tx,
    over.map(({ stream, left, count }) => ({ stream, count: count + left.size })),
  );
  return over.flatMap(({ stream, left, count }) =>
    (oldest.get(stream) ?? [])
      .filter((id) => !left.has(id))
      .slice(0, count)
      .map((id) => ({ stream, id })),
  );
}

/** How many each list has. */
async function keptIn(tx: WriteTransaction, streams: readonly string[]): Promise<Map<string, number>> {
  const uids = streams.flatMap((stream) => userOfStream(stream) ?? []);
  const rows = uids.length === 0 ? [] : await keptOf(tx.db, uids);
  const kept = new Map(rows.map(({ uid, kept }) => [userStream(uid) as string, kept]));
  if (streams.includes(ALL_STREAM)) {
    const { count } = await everybodys(tx)
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    kept.set(ALL_STREAM, count);
  }
  return kept;
}

const keptOf = prepared((db, uids) =>
  db.selectFrom("notification_places").select(["uid", "kept"]).where("uid", "in", numberList(uids)),
);

/** Those to everybody that are in lists. The index needs numbers that are literals in the statement. */
function everybodys(tx: WriteTransaction) {
  return tx.db
    .selectFrom("notifications")
    .where("to_all", "=", sql.lit(1))
    .where("is_swept", "=", sql.lit(0))
    .where("is_gone", "=", 0);
}

/** The oldest of each list, as many as requested. Lists that have to lose the same number are read together: usually that number is one. */
async function oldestOf(
  tx: WriteTransaction,
  asked: readonly { stream: string; count: number }[],
): Promise<Map<string, number[]>> {
  const oldest = new Map<string, number[]>();
  for (const [count, lists] of Map.groupBy(asked, (list) => list.count)) {
    const uids = lists.flatMap(({ stream }) => userOfStream(stream) ?? []);
    const rows = uids.length === 0 ? [] : await oldestOwn(tx.db, { uids: uids.map((uid) => [uid]), place: count - 1 });
    for (const [uid, listed] of Map.groupBy(rows, (row) => row.uid)) {
      oldest.set(
        userStream(uid),
        listed.map(({ id }) => id),
      );
    }
    if (!lists.some(({ stream }) => stream === ALL_STREAM)) continue;
    const listed = await everybodys(tx).select("id").orderBy("id").limit(count).execute();
    oldest.set(
      ALL_STREAM,
      listed.map(({ id }) => id),
    );
  }
  return oldest;
}

/** For each person those up to this place of their list, which costs no more than reading them. */
const oldestOwn = preparedBy(["uids", "place"], (db, { uids, place }) =>
  db
    .selectFrom(boundRows({ uid: "number" }, uids).as("asked"))
    .innerJoin("notification_recipients as own", (join) =>
      join
        .onRef("own.uid", "=", "asked.uid")
        .on("own.notification_id", "<=", ({ selectFrom }) =>
          selectFrom("notification_recipients as other")
            .select("other.notification_id")
            .whereRef("other.uid", "=", "asked.uid")
            .orderBy("other.notification_id")
            .limit(1)
            .offset(sql<number>`${place}`),
        ),
    )
    .select(["own.uid", "own.notification_id as id"])
    .orderBy("own.uid")
    .orderBy("own.notification_id"),
);
