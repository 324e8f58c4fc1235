import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { invalidCursor } from "../http/page.ts";
import { ProblemError } from "../lib/problem.ts";
import type { Window } from "../rooms/reading.ts";
import type { MessageKinds } from "./kinds/kinds.ts";
import { messageText } from "./message-json.ts";
import { asMessage, selectMessages } from "./message-rows.ts";

export interface HistoryQuery {
  /** From the page before; it knows its direction. */
  readonly cursor: string | undefined;
  /** Forwards from this message on, which is not part of the page; 0: from the beginning. */
  readonly after: number | undefined;
  readonly limit: number;
}

export interface HistoryPage {
  /** JSON texts of the message objects, ascending. */
  readonly texts: string[];
  readonly nextCursor: string | null;
}

/** Backwards from the newest or forwards from a message; inside a page always ascending. */
export async function historyPage(
  db: Kysely<Schema>,
  room: { id: number; window: Window; kinds: MessageKinds },
  { cursor, after, limit }: HistoryQuery,
): Promise<HistoryPage> {
  const { id, window } = room;
  const from = cursor === undefined ? await startOf(db, id, after) : parseHistoryCursor(cursor);
  const forwards = from.direction === "after";
  const [first, last] = rangeOf(window, from);
  const rows = await selectMessages(db)
    .where("messages.room_id", "=", id)
    .where("messages.seq", ">=", first)
    .where("messages.seq", "<=", last)
    .orderBy("messages.seq", forwards ? "asc" : "desc")
    .limit(limit + 1)
    .execute();
  const more = rows.length > limit;
  const page = rows.slice(0, limit);
  const end = page.at(-1);
  if (!forwards) page.reverse();
  return {
    texts: page.map((row) => messageText(asMessage(row), room.kinds)),
    nextCursor: more && end ? `${from.direction}-${end.seq}` : null,
  };
}

/** Seqs that may be read from the start on, both ends included. Pure. */
function rangeOf({ fromSeq, leftSeq }: Window, { direction, seq }: Start): [number, number] {
  const last = leftSeq ?? Number.MAX_SAFE_INTEGER;
  if (direction === "after") return [Math.max(fromSeq, (seq ?? 0) + 1), last];
  return [fromSeq, Math.min(last, (seq ?? Number.MAX_SAFE_INTEGER) - 1)];
}

interface Start {
  readonly direction: "before" | "after";
  readonly seq: number | undefined;
}

async function startOf(db: Kysely<Schema>, roomId: number, after: number | undefined): Promise<Start> {
  if (after === undefined) return { direction: "before", seq: undefined };
  if (after === 0) return { direction: "after", seq: 0 };
  const row = await db
    .selectFrom("messages")
    .select("seq")
    .where("id", "=", after)
    .where("room_id", "=", roomId)
    .executeTakeFirst();
  if (!row) throw invalid("after", "is not a message of this room");
  return { direction: "after", seq: row.seq };
}

function parseHistoryCursor(cursor: string): Start {
  const match = /^(before|after)-(\d{1,15})$/.exec(cursor);
  if (!match) throw invalidCursor();
  return { direction: match[1] as Start["direction"], seq: Number(match[2]) };
}

function invalid(path: string, message: string): ProblemError {
  return new ProblemError("invalid", `${path}: ${message}`, { extra: { errors: [{ path, message }] } });
}
