import { type Kysely, sql } from "kysely";
import type { Schema } from "../db/schema.ts";
import { countWithin } from "../lib/count-within.ts";
import { SIZES } from "../limits/sizes.ts";

/** Notifications of one page at most; fewer if they are long. */
export const NOTICES_PER_PAGE = 100;

export interface NoticeExport {
  /** The ids up to which the person has seen and read. */
  readonly seenUpTo: number;
  readonly readUpTo: number;
  readonly items: {
    readonly id: number;
    readonly kind: string;
    readonly title: string;
    readonly text: string;
    readonly link: string | null;
    readonly data: unknown;
    readonly at: number;
    readonly expiresAt: number;
    readonly read: boolean;
    readonly archived: boolean;
  }[];
  readonly nextCursor: string | null;
}

/**
 * Reads a page of a person's notifications, by id: their own, and those of everybody's that they have marked.
 * @param after the number of a `nextCursor`; undefined for the first page
 */
export async function exportNotices(db: Kysely<Schema>, uid: number, after: number | undefined): Promise<NoticeExport> {
  const places = await db
    .selectFrom("notification_places")
    .select(["seen_up_to as seenUpTo", "read_up_to as readUpTo"])
    .where("uid", "=", uid)
    .executeTakeFirst();
  const marksIn = <T extends "notification_recipients" | "notification_marks">(table: T) =>
    db
      .selectFrom(`${table} as mark` as `notification_marks as mark`)
      .innerJoin("notifications as notice", "notice.id", "mark.notification_id")
      .select(["notice.id", "notice.kind", "notice.title", "notice.text", "notice.link", "notice.data", "notice.at"])
      .select(["notice.expires_at as expiresAt", "mark.read", "mark.archived"])
      .where("mark.uid", "=", uid)
      .where("mark.notification_id", ">", after ?? 0)
      .where("notice.is_gone", "=", 0);
  const rows = await marksIn("notification_recipients")
    .unionAll(marksIn("notification_marks"))
    .orderBy(sql.ref("id"))
    .limit(NOTICES_PER_PAGE + 1)
    .execute();
  const lengths = rows.map(({ title, text, data }) => title.length + text.length + (data?.length ?? 0));
  const count = Math.min(NOTICES_PER_PAGE, countWithin(lengths, SIZES.pageTexts.count));
  const items = rows.slice(0, count).map(({ data, read, archived, ...notice }) => ({
    ...notice,
    data: data === null ? null : (JSON.parse(data) as unknown),
    read: read === 1,
    archived: archived === 1,
  }));
  const last = rows.length > count ? items.at(-1) : undefined;
  const { seenUpTo = 0, readUpTo = 0 } = places ?? {};
  return { seenUpTo, readUpTo, items, nextCursor: last ? String(last.id) : null };
}
