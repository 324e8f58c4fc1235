import { ALL_STREAM, Push, userStream } from "@parley/protocol";
import { prepared } from "../db/prepared.ts";
import { boundRows, numberList } from "../db/rows.ts";
import type { Outcome, WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";
import { noticeText, type ShownNotice } from "./notice-data.ts";
import { goneDraft, type Listed, removeListed } from "./notice-rows.ts";

/** Changes of a notification; absent fields stay. */
export interface NoticeChanges {
  readonly title?: string;
  readonly text?: string;
  readonly link?: string | null;
  /** JSON text. */
  readonly data?: string | null;
  readonly done?: boolean;
}

export interface ChangeNotices {
  /** The key whose turn at the writer it takes. */
  readonly by: string;
  readonly ids: readonly number[];
  readonly change: NoticeChanges | "take back";
  /** How many people have them, about. */
  readonly recipients: number;
}

interface Known extends ShownNotice {
  readonly hasTtl: 0 | 1;
  /** Whose lists it is in. */
  readonly streams: readonly string[];
}

/**
 * Changes notifications, or takes them back, for everybody who has them: for all waiting requests, by set queries. A change that changes nothing is not
 * logged; those that have expired or do not exist are skipped.
 * @returns how many of them there are
 */
export async function changeNotices(
  tx: WriteTransaction,
  inputs: readonly ChangeNotices[],
): Promise<Outcome<{ found: number }>[]> {
  const known = await lookUp(tx, [...new Set(inputs.flatMap(({ ids }) => ids))]);
  const changed = new Set<number>();
  const gone: Listed[] = [];
  const drafts: Draft[] = [];
  const outcomes = inputs.map(({ ids, change }) => {
    const found = ids.flatMap((id) => known.get(id) ?? []);
    for (const notice of found) {
      if (change === "take back") {
        const listed = notice.streams.map((stream) => ({ stream, id: notice.id }));
        gone.push(...listed);
        drafts.push(...listed.map(goneDraft));
        known.delete(notice.id);
        changed.delete(notice.id);
      } else {
        const next = changedBy(notice, change);
        if (!next) continue;
        known.set(notice.id, next);
        changed.add(notice.id);
        drafts.push(...draftsOf(tx, next));
      }
    }
    return { ok: true as const, value: { found: found.length } };
  });
  await store(
    tx,
    [...changed].map((id) => known.get(id) as Known),
  );
  await append(tx, drafts);
  await removeListed(tx, gone);
  return outcomes;
}

/** Undefined if nothing changes. */
function changedBy(notice: Known, { done, ...changes }: NoticeChanges): Known | undefined {
  const next = { ...notice, ...changes, done: done === undefined ? notice.done : done ? (1 as const) : (0 as const) };
  const isSame = (["title", "text", "link", "data", "done"] as const).every((field) => next[field] === notice[field]);
  return isSame ? undefined : next;
}

function draftsOf(tx: WriteTransaction, notice: Known): Draft[] {
  const data = noticeText(notice, tx.clockNow);
  return notice.streams.map((stream) => ({
    stream,
    type: Push.NOTIFICATION,
    message: { id: notice.id, storesData: false },
    cacheable: notice.hasTtl === 0,
    data: () => data,
  }));
}

async function lookUp(tx: WriteTransaction, ids: readonly number[]): Promise<Map<number, Known>> {
  const rows = await noticesById(tx.db, ids);
  const there = rows.filter(({ expiresAt }) => expiresAt > tx.clockNow);
  const listed = await recipientsOf(
    tx.db,
    there.flatMap(({ id, toAll }) => (toAll === 1 ? [] : [id])),
  );
  const streams = Map.groupBy(listed, ({ id }) => id);
  return new Map(
    there.map(({ toAll, ...notice }) => {
      const own = () => (streams.get(notice.id) ?? []).map(({ uid }) => userStream(uid));
      return [notice.id, { ...notice, streams: toAll === 1 ? [ALL_STREAM] : own() }];
    }),
  );
}

async function store(tx: WriteTransaction, notices: readonly Known[]): Promise<void> {
  if (notices.length === 0) return;
  await storeChanges(
    tx.db,
    notices.map(({ id, title, text, link, data, done }) => [id, title, text, link, data, done]),
  );
}

const noticesById = prepared((db, ids) =>
  db
    .selectFrom("notifications")
    .select(["id", "kind", "title", "text", "link", "data", "at", "expires_at as expiresAt", "done"])
    .select(["has_ttl as hasTtl", "to_all as toAll"])
    .where("id", "in", numberList(ids))
    .where("is_gone", "=", 0),
);

const recipientsOf = prepared((db, ids) =>
  db
    .selectFrom("notification_recipients")
    .select(["uid", "notification_id as id"])
    .where("notification_id", "in", numberList(ids))
    .orderBy("notification_id")
    .orderBy("uid"),
);

const storeChanges = prepared((db, changed) =>
  db
    .updateTable("notifications")
    .from(
      boundRows({ id: "number", title: "text", text: "text", link: "text?", data: "text?", done: "flag" }, changed).as(
        "changed",
      ),
    )
    .set((eb) => ({
      title: eb.ref("changed.title"),
      text: eb.ref("changed.text"),
      link: eb.ref("changed.link"),
      data: eb.ref("changed.data"),
      done: eb.ref("changed.done"),
    }))
    .whereRef("notifications.id", "=", "changed.id"),
);
