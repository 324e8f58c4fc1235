import { type NotificationData, userOfStream } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { dataKey, type EventData, type NamingEvent } from "../event-log/announce.ts";

/** What a frame shows of a notification. */
export interface ShownNotice {
  readonly id: number;
  readonly kind: string;
  readonly title: string;
  readonly text: string;
  readonly link: string | null;
  /** JSON text. */
  readonly data: string | null;
  readonly at: number;
  readonly expiresAt: number;
  readonly done: 0 | 1;
}

/** JSON text of the data of NOTIFICATION. @param now epoch milliseconds; what has expired by then shows no content */
export function noticeText(notice: ShownNotice, now: number): string {
  const { id, kind, title, text, link, data, at, expiresAt } = notice;
  const done = notice.done === 1 ? { done: true as const } : {};
  const shown: NotificationData =
    expiresAt <= now
      ? { id, kind, title: null, text: null, at, expiresAt, ...done }
      : {
          ...{ id, kind, title, text, at, expiresAt, ...done },
          ...(link === null ? {} : { link }),
          ...(data === null ? {} : { data: JSON.parse(data) as unknown }),
        };
  return JSON.stringify(shown);
}

/** JSON text of the data of NOTIFICATION for one that has left a list. */
export function goneText(id: number): string {
  const gone: NotificationData = { id, removed: true };
  return JSON.stringify(gone);
}

/**
 * What events show of notifications, as they are now for the person whose stream it is. One that is not there any more was taken back, or is
 * no longer this person's.
 */
export async function noticeDataOf(
  db: Kysely<Schema>,
  events: readonly NamingEvent[],
  now: number,
): Promise<Map<string, EventData>> {
  const uidOf = ({ stream }: NamingEvent) => userOfStream(stream) ?? 0;
  const asked = new Map(events.map((event) => [dataKey(event), [event.messageId, uidOf(event)]]));
  const rows = await noticesOf(db, [...asked.values()]);
  const found = new Map(rows.map((row) => [`${row.id} ${row.uid}`, row]));
  return new Map(
    events.map((event) => {
      const row = found.get(`${event.messageId} ${uidOf(event)}`);
      const isShown = row && row.isGone === 0 && (row.toAll === 1 || row.has !== null || row.expiresAt <= now);
      const text = isShown ? noticeText(row, now) : goneText(event.messageId);
      return [dataKey(event), { text, author: null, quotes: [], isPassing: row?.hasTtl === 1 }];
    }),
  );
}

const noticesOf = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ id: "number", uid: "number" }, asked).as("asked"))
    .innerJoin("notifications as notice", "notice.id", "asked.id")
    .leftJoin("notification_recipients as own", (join) =>
      join.onRef("own.uid", "=", "asked.uid").onRef("own.notification_id", "=", "asked.id"),
    )
    .select(["asked.id", "asked.uid", "own.uid as has", "notice.kind", "notice.title", "notice.text", "notice.link"])
    .select(["notice.data", "notice.at", "notice.expires_at as expiresAt", "notice.done", "notice.has_ttl as hasTtl"])
    .select(["notice.to_all as toAll", "notice.is_gone as isGone"]),
);
