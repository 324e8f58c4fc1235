import { type Kysely, sql } from "kysely";
import type { Schema } from "../db/schema.ts";
import type { ShownMessage } from "../event-log/text-changes.ts";
import { invalidCursor } from "../http/page.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import { isReadable, type Window } from "../rooms/reading.ts";
import type { Actor } from "../rooms/rooms.ts";
import type { MessageKinds } from "./kinds/kinds.ts";
import { messageText } from "./message-json.ts";
import { asMessage, isAddressedTo, selectMessages } from "./message-rows.ts";

export interface HistoryQuery {
  /** From the page before; it knows its direction. */
  readonly cursor: string | undefined;
  /** Forwards from this message on, which is not part of the page; 0: from the beginning. */
  readonly after: number | undefined;
  /** Both sides of this message, which is part of the page. */
  readonly around?: number | undefined;
  readonly limit: number;
}

export interface HistoryPage {
  /** JSON texts of the message objects, ascending. */
  readonly texts: string[];
  readonly nextCursor: string | null;
}

/** A room, as one reader may read it. */
interface ReadableHistory {
  readonly id: number;
  readonly window: Window;
  /** Undefined: anonymous. */
  readonly actor: Actor | undefined;
  readonly kinds: MessageKinds;
  /** Called with each message of the page. */
  readonly shows: (message: ShownMessage) => void;
}

const PAGE_LENGTH = SIZES.pageTexts.count;

/**
 * Backwards from the newest, forwards from a message, or around one; inside a page always ascending by message id. A message that only its
 * sender may see has no seq of its own, so a page goes on from an id; ids and seqs of a room rise together.
 * A page of long messages is shorter than `limit`: it is made in one go by the thread that serves everybody.
 */
export async function historyPage(
  db: Kysely<Schema>,
  room: ReadableHistory,
  { cursor, after, around, limit }: HistoryQuery,
): Promise<HistoryPage> {
  if (cursor !== undefined) return pageFrom(db, room, { ...(await goOn(db, room, cursor)), limit });
  if (around !== undefined) return pageAround(db, room, around, limit);
  return pageFrom(db, room, { ...(await startOf(db, room, after)), limit });
}

/** The message stands in the middle. The cursor goes on to older ones; to newer ones `after` the last of the page does. */
async function pageAround(
  db: Kysely<Schema>,
  room: ReadableHistory,
  around: number,
  limit: number,
): Promise<HistoryPage> {
  const from = await placeOf(db, room, around);
  if (!from) throw invalid("around", NOT_HERE);
  const upTo = Math.floor(limit / 2) + 1;
  const { texts, nextCursor } = await pageFrom(db, room, { direction: "older", from, inclusive: true, limit: upTo });
  const newer = await pageFrom(db, room, { direction: "newer", from, limit: limit - upTo });
  return { texts: [...texts, ...newer.texts], nextCursor };
}

async function pageFrom(
  db: Kysely<Schema>,
  room: ReadableHistory,
  { direction, from, inclusive = false, limit }: Start & { readonly inclusive?: boolean; readonly limit: number },
): Promise<HistoryPage> {
  const forwards = direction === "newer";
  const order = forwards ? "asc" : "desc";
  const [first, last] = rangeOf(room.window, from?.seq, direction);
  const uid = room.actor?.uid ?? 0;
  // Each is found by an index of its own, so that what others alone see is not looked at.
  const pageOf = (which: "shown" | "own") => {
    const page = db
      .selectFrom("messages")
      .select("id")
      .where("room_id", "=", room.id)
      .where("sender_only", "=", sql.lit(which === "shown" ? 0 : 1))
      .$if(which === "own", (query) => query.where("uid", "=", uid))
      .where("seq", ">=", first)
      .where("seq", "<=", last)
      .$if(from !== undefined, (query) =>
        query.where("id", `${forwards ? ">" : "<"}${inclusive ? "=" : ""}`, from?.id ?? 0),
      )
      .orderBy("seq", order)
      .orderBy("id", order)
      .limit(limit + 1);
    return db.selectFrom(page.as(which)).select("id");
  };
  const rows = await selectMessages(db, sql<number>`${uid}`)
    .where("messages.id", "in", pageOf("shown").unionAll(pageOf("own")))
    .orderBy("messages.seq", order)
    .orderBy("messages.id", order)
    .limit(limit + 1)
    .execute();
  const texts: string[] = [];
  for (let left = PAGE_LENGTH, row = rows[0]; row && texts.length < limit; row = rows[texts.length]) {
    const message = asMessage(row);
    const text = messageText(message, room.kinds);
    left -= text.length;
    if (left < 0 && texts.length > 0) break;
    texts.push(text);
    room.shows(message);
  }
  const end = rows[texts.length - 1];
  const nextCursor = rows.length > texts.length && end ? `${direction}-${end.id}` : null;
  return { texts: forwards ? texts : texts.reverse(), nextCursor };
}

/** Seqs that may be read from a message on, both ends included: that of the message too, which others may have. Pure. */
function rangeOf({ fromSeq, leftSeq }: Window, seq: number | undefined, direction: Direction): [number, number] {
  const last = leftSeq ?? Number.MAX_SAFE_INTEGER;
  if (direction === "newer") return [Math.max(fromSeq, seq ?? 0), last];
  return [fromSeq, Math.min(last, seq ?? last)];
}

const NOT_HERE = "is not a message of this room";

type Direction = "older" | "newer";

interface Start {
  readonly direction: Direction;
  /** Undefined: from the end where that direction begins. */
  readonly from: MessagePlace | undefined;
}

interface MessagePlace {
  readonly id: number;
  readonly seq: number;
}

async function startOf(db: Kysely<Schema>, room: ReadableHistory, after: number | undefined): Promise<Start> {
  if (after === undefined) return { direction: "older", from: undefined };
  if (after === 0) return { direction: "newer", from: undefined };
  const from = await placeOf(db, room, after);
  if (!from) throw invalid("after", NOT_HERE);
  return { direction: "newer", from };
}

async function goOn(db: Kysely<Schema>, room: ReadableHistory, cursor: string): Promise<Start> {
  const [, direction, id] = /^(older|newer)-(\d{1,16})$/.exec(cursor) ?? [];
  const from = id === undefined ? undefined : await placeOf(db, room, Number(id));
  if (!from) throw invalidCursor();
  return { direction: direction as Direction, from };
}

/**
 * Where a message of the room stands; undefined: there is none that this reader may know of. What was written after they left is none of
 * those, nor is what was written before their window: the answer would tell which ids are this room's.
 */
async function placeOf(
  db: Kysely<Schema>,
  { id: roomId, actor, window }: ReadableHistory,
  id: number,
): Promise<MessagePlace | undefined> {
  const row = await db
    .selectFrom("messages")
    .select(["id", "seq", "uid", "sender_only as senderOnly"])
    .where("id", "=", id)
    .where("room_id", "=", roomId)
    .executeTakeFirst();
  return row && isAddressedTo(actor, row) && isReadable(window, row.seq) ? row : undefined;
}

export function invalid(path: string, message: string): ProblemError {
  return new ProblemError("invalid", `${path}: ${message}`, { extra: { errors: [{ path, message }] } });
}
