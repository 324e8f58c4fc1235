import { type Kysely, sql } from "kysely";
import type { Schema } from "../db/schema.ts";
import { countWithin } from "../lib/count-within.ts";
import { SIZES } from "../limits/sizes.ts";
import { cut } from "../rooms/page.ts";

export type NoticeState = "unread" | "all" | "archived";

export interface NoticeQuery {
  readonly state: NoticeState;
  /** The id of the last one of the page before. */
  readonly before: number | undefined;
  readonly limit: number;
}

/** A notification as its person has it. */
export interface NoticeView {
  readonly id: number;
  readonly kind: string;
  readonly title: string;
  readonly text: string;
  readonly link: string | null;
  readonly data: unknown;
  readonly at: number;
  readonly expiresAt: number;
  readonly seen: boolean;
  readonly read: boolean;
  readonly archived: boolean;
  readonly done: boolean;
}

/** A page of a person's notifications, their own and everybody's, the newest first. @param now what has expired by then is not there */
export async function noticePage(
  db: Kysely<Schema>,
  { uid, now }: { uid: number; now: number },
  { state, before, limit }: NoticeQuery,
): Promise<{ items: NoticeView[]; nextCursor: string | null }> {
  const place = await db
    .selectFrom("users")
    .leftJoin("notification_places as place", "place.uid", "users.uid")
    .select(["users.created_at as since", "place.seen_up_to as seen", "place.read_up_to as read"])
    .where("users.uid", "=", uid)
    .executeTakeFirst();
  const { since = now, seen, read } = place ?? {};
  const seenUpTo = seen ?? 0;
  const readUpTo = read ?? 0;
  const upTo = before === undefined ? Number.MAX_SAFE_INTEGER : before - 1;
  const isMarked = (of: "own" | "mark") => {
    const archived = sql<boolean>`coalesce(${sql.ref(`${of}.archived`)}, 0) = ${state === "archived" ? 1 : 0}`;
    if (state !== "unread") return archived;
    return sql<boolean>`${archived} and coalesce(${sql.ref(`${of}.read`)}, 0) = 0 and notice.id > ${readUpTo} and notice.done = 0`;
  };
  const own = db
    .selectFrom("notification_recipients as own")
    .innerJoin("notifications as notice", "notice.id", "own.notification_id")
    .select(COLUMNS)
    .select(["own.read", "own.archived"])
    .where("own.uid", "=", uid)
    .where("own.notification_id", "<=", upTo)
    .where("notice.expires_at", ">", now)
    .where(isMarked("own"));
  const everybodys = db
    .selectFrom("notifications as notice")
    .leftJoin("notification_marks as mark", (join) =>
      join.onRef("mark.notification_id", "=", "notice.id").on("mark.uid", "=", uid),
    )
    .select(COLUMNS)
    .select([sql<0 | 1>`coalesce(mark.read, 0)`.as("read"), sql<0 | 1>`coalesce(mark.archived, 0)`.as("archived")])
    // As the index has them.
    .where("notice.to_all", "=", sql.lit(1))
    .where("notice.is_swept", "=", sql.lit(0))
    // Its end is the moment at which it was taken back, which comes once more where the clock is set back.
    .where("notice.is_gone", "=", 0)
    .where("notice.id", "<=", upTo)
    .where("notice.at", ">=", since)
    // The plus keeps the index of what ends from being used, which has all people's notifications.
    .where(sql`+notice.expires_at`, ">", now)
    .where(isMarked("mark"));
  const rows = await own
    .unionAll(everybodys)
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
  const lengths = rows.map(({ title, text, data }) => title.length + text.length + (data?.length ?? 0));
  const items = rows.map(({ data, done, ...row }) => ({
    ...row,
    data: data === null ? null : (JSON.parse(data) as unknown),
    seen: row.id <= seenUpTo || row.id <= readUpTo || row.read === 1,
    read: row.id <= readUpTo || row.read === 1,
    archived: row.archived === 1,
    done: done === 1,
  }));
  return cut(items, Math.min(limit, countWithin(lengths, SIZES.pageTexts.count)), ({ id }) => id);
}

const COLUMNS = [
  ...(["notice.id", "notice.kind", "notice.title", "notice.text", "notice.link", "notice.data", "notice.at"] as const),
  ...(["notice.expires_at as expiresAt", "notice.done"] as const),
] as const;
