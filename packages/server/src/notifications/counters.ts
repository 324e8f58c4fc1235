import type { Counters } from "@parley/protocol";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { CountRow, CountRows } from "../db/count-row.ts";
import { boundRows } from "../db/dialect.ts";
import { type Given, preparedBy } from "../db/prepared.ts";
import type { Schema } from "../db/schema.ts";

/**
 * What makes the dots of notifications and friend requests, of many people by one statement. It is counted anew at each question, from the rows
 * of what there is, so no number can drift from what it stands for. It looks at what a person has not read: at most 1 000 of their own, and
 * 1 000 of everybody's.
 * @param now epoch milliseconds: what has expired by then counts no more
 */
export async function countersOf(
  db: Kysely<Schema>,
  { uids, now }: { uids: readonly number[]; now: number },
): Promise<Map<number, Counters>> {
  const rows = uids.length === 0 ? [] : await counterRows(db, { uids: uids.map((uid) => [uid]), now });
  const byUid = Map.groupBy(rows, ({ uid }) => uid);
  return new Map(uids.map((uid) => [uid, countersIn(byUid.get(uid))]));
}

/** The counters of one person, out of their rows. */
export function countersIn(rows: readonly CountRow[] = []): Counters {
  const counters: Counters = { unseen: 0, unreadNotifications: 0, friendRequests: 0 };
  for (const { what, first, second } of rows) {
    if (what !== "notifications") continue;
    counters.unreadNotifications += first;
    counters.unseen += second;
  }
  return counters;
}

/**
 * Of each person a row for their own notifications and one for everybody's, with how many are not read and how many not seen; none where there
 * are none. @param asked has their `uid`
 */
export function counterSelection(asked: RawBuilder<{ uid: number }>, now: Given): CountRows {
  // The plus keeps the index of what ends from being used, which has everybody's notifications.
  const isDue = sql`notice.done = 0 and +notice.expires_at > ${now}`;
  return sql`
    select asked.uid, 'notifications' as what, count(*) as first,
      sum(case when own.notification_id > coalesce(place.seen_up_to, 0) then 1 else 0 end) as second
    from ${asked} as asked
    left join notification_places as place on place.uid = asked.uid
    join notification_recipients as own on own.uid = asked.uid
      and own.notification_id > coalesce(place.read_up_to, 0) and own.read = 0 and own.archived = 0
    join notifications as notice on notice.id = own.notification_id
    where ${isDue}
    group by asked.uid
    union all
    select asked.uid, 'notifications' as what, count(*) as first,
      sum(case when notice.id > coalesce(place.seen_up_to, 0) then 1 else 0 end) as second
    from ${asked} as asked
    join users on users.uid = asked.uid
    left join notification_places as place on place.uid = asked.uid
    join notifications as notice on notice.to_all = 1 and notice.is_swept = 0 and notice.id > coalesce(place.read_up_to, 0)
      and notice.at >= users.created_at
    where ${isDue} and not exists (
      select 1 from notification_marks as mark where mark.uid = asked.uid and mark.notification_id = notice.id
    )
    group by asked.uid`;
}

const counterRows = preparedBy<CountRow, "uids" | "now">(["uids", "now"], (_, { uids, now }) =>
  counterSelection(boundRows<{ uid: number }>(["uid"], uids), now),
);
