import { HALL_ROOM_ID, MarkType } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { textCursor } from "../http/page.ts";
import { countWithin } from "../lib/count-within.ts";
import { SIZES } from "../limits/sizes.ts";
import { isAddressMark } from "./known-requesters.ts";

/** The most messages or marks of one page. Everything else about a person is bounded by other limits and comes with every page. */
export const PER_PAGE = 500;

export interface ExportedMessage {
  readonly id: number;
  readonly roomId: number;
  readonly sentAt: number;
  readonly type: number;
  /** Null for a recalled message: nobody gets its text any more. */
  readonly body: Record<string, unknown> | null;
}

export interface MessagePage {
  readonly items: ExportedMessage[];
  readonly nextCursor: string | null;
}

const NAMES = { [MarkType.like]: "like", [MarkType.dislike]: "dislike" } as const;

export interface MarkPage {
  readonly items: { readonly messageId: number; readonly mark: "like" | "dislike" }[];
  readonly nextCursor: string | null;
}

/**
 * Reads what is stored about a person apart from their messages and marks: account, devices, rooms they are or were in. Never a hash or a token.
 */
export async function exportAccount(db: Kysely<Schema>, uid: number) {
  const user = await db
    .selectFrom("users")
    .select(["uid", "external_id", "name", "avatar", "power", "created_at", "created_ip", "updated_at", "last_seen_at"])
    .where("uid", "=", uid)
    .executeTakeFirstOrThrow();
  const logins = await db
    .selectFrom("logins")
    .select(["id", "ip", "user_agent", "via", "created_at", "last_seen_at", "expires_at"])
    .where("uid", "=", uid)
    .orderBy("id")
    .execute();
  const requesters = await db
    .selectFrom("known_requesters")
    .select(["mark", "seen_at"])
    .where("uid", "=", uid)
    .orderBy("mark")
    .execute();
  const rooms = await db
    .selectFrom("members")
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.uid", "=", "members.uid").onRef("room_reads.room_id", "=", "members.room_id"),
    )
    .select(["members.room_id", "members.role", "joined_at", "left_seq", "muted_until", "pinned", "muted"])
    .where("members.uid", "=", uid)
    .where("members.untold", "=", 0)
    .orderBy("members.room_id")
    .execute();
  const hall = await db
    .selectFrom("room_reads")
    .select(["pinned", "muted"])
    .where("uid", "=", uid)
    .where("room_id", "=", HALL_ROOM_ID)
    .executeTakeFirst();
  return {
    account: {
      uid: user.uid,
      externalId: user.external_id,
      name: user.name,
      avatar: user.avatar,
      power: user.power,
      createdAt: user.created_at,
      createdIp: user.created_ip,
      updatedAt: user.updated_at,
      lastSeenAt: user.last_seen_at,
    },
    addresses: requesters
      .filter(({ mark }) => isAddressMark(mark))
      .map(({ mark, seen_at }) => ({ address: mark, lastSignInAt: seen_at })),
    logins: logins.map((row) => ({
      id: row.id,
      ip: row.ip,
      userAgent: row.user_agent,
      via: row.via,
      createdAt: row.created_at,
      lastSeenAt: row.last_seen_at,
      expiresAt: row.expires_at,
    })),
    hall: { pinned: hall?.pinned === 1, muted: hall?.muted === 1 },
    rooms: rooms.map((row) => ({
      roomId: row.room_id,
      role: row.role,
      joinedAt: row.joined_at,
      left: row.left_seq !== null,
      mutedUntil: row.muted_until,
      pinned: row.pinned === 1,
      muted: row.muted === 1,
    })),
  };
}

/** Begins the cursor of messages that the product sent in the person's name, which come last; no client id begins like that. */
const BY_ID = "\u0001";

/**
 * Reads a page of a person's messages: their own in the order of their client ids, then those that the product sent in their name. An index
 * holds them in this order, so a page costs the same however many messages there are. A page of long messages is shorter.
 * @param after the text of a `nextCursor`; undefined for the first page
 */
export async function exportMessages(db: Kysely<Schema>, uid: number, after: string | undefined): Promise<MessagePage> {
  if (after?.startsWith(BY_ID)) {
    const id = Number(after.slice(1));
    return sentByProduct(db, uid, Number.isSafeInteger(id) ? id : 0);
  }
  const { items, last } = await readPage((row, limit) =>
    messagesOf(db, uid)
      .where("client_id", ">", row?.client_id ?? after ?? "")
      .orderBy("client_id")
      .limit(limit)
      .execute(),
  );
  if (last) return { items, nextCursor: textCursor(last.client_id ?? "") };
  const rest = await messagesOf(db, uid).where("client_id", "is", null).limit(1).execute();
  return { items, nextCursor: rest.length > 0 ? textCursor(`${BY_ID}0`) : null };
}

async function sentByProduct(db: Kysely<Schema>, uid: number, after: number): Promise<MessagePage> {
  const { items, last } = await readPage((row, limit) =>
    messagesOf(db, uid)
      .where("client_id", "is", null)
      .where("id", ">", row?.id ?? after)
      .orderBy("id")
      .limit(limit)
      .execute(),
  );
  return { items, nextCursor: last ? textCursor(`${BY_ID}${last.id}`) : null };
}

function messagesOf(db: Kysely<Schema>, uid: number) {
  return db
    .selectFrom("messages")
    .select(["id", "room_id", "sent_at", "type", "body", "client_id", "recalled_at"])
    .where("uid", "=", uid);
}

type Row = Awaited<ReturnType<ReturnType<typeof messagesOf>["execute"]>>[number];

/** Rows that are read together: rows beyond the end of a page are thrown away. */
const ROWS_AT_ONCE = 100;

/**
 * A page by some order. `last`: the last item, if there are more after it.
 * @param read the rows behind one of them, or the first ones
 */
async function readPage(
  read: (behind: Row | undefined, limit: number) => Promise<Row[]>,
): Promise<{ items: ExportedMessage[]; last: Row | undefined }> {
  const rows: Row[] = [];
  for (let left: number = SIZES.pageTexts.count; left > 0 && rows.length < PER_PAGE; ) {
    const next = await read(rows.at(-1), ROWS_AT_ONCE);
    if (next.length === 0) return { items: rows.map(shown), last: undefined };
    const lengths = next.map(({ body }) => body.length);
    const count = countWithin(lengths, left);
    rows.push(...next.slice(0, count));
    left = count < next.length ? 0 : left - lengths.reduce((sum, length) => sum + length, 0);
  }
  const isLast = (await read(rows.at(-1), 1)).length === 0;
  return { items: rows.map(shown), last: isLast ? undefined : rows.at(-1) };
}

function shown(row: Row): ExportedMessage {
  return {
    id: row.id,
    roomId: row.room_id,
    sentAt: row.sent_at,
    type: row.type,
    body: row.recalled_at === null ? (JSON.parse(row.body) as Record<string, unknown>) : null,
  };
}

/**
 * Reads a page of a person's likes and dislikes, by message, as they see them: if they see another mark than everybody else, that one.
 * @param after the number of a `nextCursor`; undefined for the first page
 */
export async function exportMarks(db: Kysely<Schema>, uid: number, after = 0): Promise<MarkPage> {
  const limit = PER_PAGE + 1;
  const own = await marksOf(db, "marks", { uid, after, limit });
  const hidden = await marksOf(db, "hidden_marks", { uid, after, limit });
  const seen = new Map<number, 0 | 1 | 2>([...own, ...hidden].map(({ messageId, type }) => [messageId, type]));
  const rows = [...seen].sort(([a], [b]) => a - b).slice(0, limit);
  const page = rows.slice(0, PER_PAGE);
  const items = page.flatMap(([messageId, type]) => (type === 0 ? [] : [{ messageId, mark: NAMES[type] }]));
  const last = rows.length > PER_PAGE ? page.at(-1)?.[0] : undefined;
  return { items, nextCursor: last === undefined ? null : String(last) };
}

function marksOf<T extends "marks" | "hidden_marks">(
  db: Kysely<Schema>,
  table: T,
  { uid, after, limit }: { uid: number; after: number; limit: number },
): Promise<{ messageId: number; type: 0 | 1 | 2 }[]> {
  return db
    .selectFrom(table as "hidden_marks")
    .select(["message_id as messageId", "type"])
    .where("uid", "=", uid)
    .where("message_id", ">", after)
    .orderBy("message_id")
    .limit(limit)
    .execute();
}
