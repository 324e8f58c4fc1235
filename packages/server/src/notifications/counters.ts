import type { Counters } from "@parley/protocol";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { requestSelection } from "../contacts/request-counts.ts";
import type { CountRow, CountRows } from "../db/count-row.ts";
import { type Given, preparedBy } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";

/**
 * What makes the dots of notifications and friend requests, of many people by one statement. It is counted anew at each question, from the rows
 * of what there is, so no number can drift from what it stands for. It looks at what each person has not read of their own, 1 000 at most, and
 * once for all of them at what everybody has got, 1 000 at most.
 * @param now epoch milliseconds: what has expired by then counts no more
 */
export async function countersOf(
  db: Kysely<Schema>,
  { uids, now }: { uids: readonly number[]; now: number },
): Promise<Map<number, Counters>> {
  const rows = uids.length === 0 ? [] : await counterRows(db, { uids: uids.map((uid) => [uid]), now });
  const countersFor = countersFrom(rows);
  return new Map(uids.map((uid) => [uid, countersFor(uid)]));
}

/** The counters of each person, out of the rows of all of them. */
export function countersFrom(rows: readonly CountRow[]): (uid: number) => Counters {
  const byUid = Map.groupBy(rows, ({ uid }) => uid);
  const ofAll = new OfEverybody(byUid.get(0) ?? []);
  return (uid) => {
    const own = byUid.get(uid) ?? [];
    const numbers = (what: CountRow["what"]) => own.find((row) => row.what === what) ?? { first: 0, second: 0 };
    const { first: unread, second: unseen } = numbers("own notices");
    const { first: readUpTo, second: seenUpTo } = numbers("notice places");
    const since = numbers("since").first;
    const marked = own.flatMap(({ what, first }) => (what === "notice mark" ? [first] : []));
    return {
      unseen: unseen + ofAll.count({ since, after: Math.max(readUpTo, seenUpTo), marked }),
      unreadNotifications: unread + ofAll.count({ since, after: readUpTo, marked }),
      friendRequests: numbers("friend requests").first,
    };
  };
}

/** What everybody has got, by id and so by time; a person's share of it is found in the middle, however much there is. */
class OfEverybody {
  readonly #notices: readonly { readonly id: number; readonly at: number }[];
  readonly #ids: ReadonlySet<number>;

  constructor(rows: readonly CountRow[]) {
    this.#notices = rows.map(({ first: id, second: at }) => ({ id, at })).sort((a, b) => a.id - b.id);
    this.#ids = new Set(this.#notices.map(({ id }) => id));
  }

  /** How many there are since a time, after an id, that are not marked. */
  count({ since, after, marked }: { since: number; after: number; marked: readonly number[] }): number {
    const first = firstIndex(this.#notices, ({ id, at }) => id > after && at >= since);
    const left = marked.filter((id) => id > after && this.#ids.has(id));
    return this.#notices.length - first - left.length;
  }
}

/** Of a list whose later items all are so once one is: the index of the first that is. */
function firstIndex<T>(list: readonly T[], isSo: (item: T) => boolean): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isSo(list[middle] as T)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Rows for `countersFrom`. @param asked has the people's `uid` */
export function counterSelection(asked: RawBuilder<{ uid: number }>, now: Given): CountRows {
  // The plus keeps the index of what ends from being used, which has all people's notifications.
  const isDue = sql`notice.done = 0 and +notice.expires_at > ${now}`;
  return sql`
    select asked.uid, 'own notices' as what, count(*) as first,
      sum(case when own.notification_id > coalesce(place.seen_up_to, 0) then 1 else 0 end) as second
    from ${asked} as asked
    left join notification_places as place on place.uid = asked.uid
    join notification_recipients as own on own.uid = asked.uid
      and own.notification_id > coalesce(place.read_up_to, 0) and own.read = 0 and own.archived = 0
    join notifications as notice on notice.id = own.notification_id
    where ${isDue}
    group by asked.uid
    union all
    select place.uid, 'notice places' as what, place.read_up_to as first, place.seen_up_to as second
    from ${asked} as asked join notification_places as place on place.uid = asked.uid
    union all
    select users.uid, 'since' as what, users.created_at as first, 0 as second
    from ${asked} as asked join users on users.uid = asked.uid
    union all
    select mark.uid, 'notice mark' as what, mark.notification_id as first, 0 as second
    from ${asked} as asked
    left join notification_places as place on place.uid = asked.uid
    join notification_marks as mark on mark.uid = asked.uid and mark.notification_id > coalesce(place.read_up_to, 0)
    union all
    select 0 as uid, 'everybody''s notice' as what, notice.id as first, notice.at as second
    from notifications as notice
    where notice.to_all = 1 and notice.is_swept = 0 and notice.is_gone = 0 and ${isDue}
    union all ${requestSelection(asked)}`;
}

const counterRows = preparedBy<CountRow, "uids" | "now">(["uids", "now"], (_, { uids, now }) =>
  counterSelection(boundRows({ uid: "number" }, uids), now),
);
