import { insertRows } from "../db/rows.ts";
import { type LoggedEvent, sent, type WriteTransaction } from "../db/transaction.ts";
import type { Place } from "./log-reader.ts";
import { knowHeads } from "./stream-heads.ts";

/**
 * The log: append-only streams, the truth of everything that is delivered.
 *
 * - A stream's seq starts at 1 and has no gaps; its order is the order of commit, since number and position are taken
 *   inside the transaction, from the stream's and the log's row.
 * - `pos` rises over the whole log. A message's id is the position of its MESSAGE event.
 * - State and event share one transaction; what was appended is announced after the commit (`announce.ts`).
 * - A message's text is never copied here: the row names the message, and a reader gets the message as it is now.
 *
 * Knows nothing of what an event means, who listens, or how it travels.
 */
export interface Draft {
  readonly stream: string;
  readonly type: number;
  /**
   * Makes the JSON text of the frame's `data` for the place that the event will get. The row keeps it, unless the event is
   * about a message: then the row keeps only the id, and readers build the text anew.
   */
  readonly data: (place: Place) => string;
  /** The message this event is about; `own` for the MESSAGE event itself, whose position becomes the message's id. */
  readonly message?: { id: number | "own"; storesData: boolean };
  /** The person who wrote the message that `data` shows. */
  readonly author?: number;
  /** False: `data` shows another message too, as a quotation does, so it is pushed but not kept in memory. Default: true. */
  readonly cacheable?: boolean;
}

/**
 * Appends events, in the given order, inside the caller's transaction and with its time. The caller bounds their number; it takes at most three
 * statements, whatever the number.
 */
export async function append(tx: WriteTransaction, drafts: readonly Draft[]): Promise<LoggedEvent[]> {
  if (drafts.length === 0) return [];
  const names = new Set(drafts.map(({ stream }) => stream));
  await knowHeads(tx, names);
  const first = tx.end.pos + 1;
  tx.end.pos += drafts.length;
  const events = drafts.map((draft, index) => storedEvent(draft, { at: tx.now, heads: tx.heads, pos: first + index }));
  const rows = insertRows(tx.db, "events", {
    columns: ["pos", "stream", "seq", "type", "message_id", "data", "at"],
    values: events.map((event) => [
      event.pos,
      event.stream,
      event.seq,
      event.type,
      event.messageId,
      event.storesData ? event.data : null,
      event.at,
    ]),
  });
  sent(tx, rows);
  const moved = insertRows(tx.db, "streams", {
    columns: ["stream", "seq", "pos", "first_seq"],
    values: [...names].map((stream) => {
      const { seq, pos } = headIn(tx.heads, stream);
      return [stream, seq, pos, 1];
    }),
    conflict: { key: ["stream"], take: ["seq", "pos"] },
  });
  sent(tx, moved);
  tx.appended.push(...events);
  return events;
}

type Heads = WriteTransaction["heads"];

function headIn(heads: Heads, stream: string): { seq: number; pos: number } {
  return heads.get(stream) as { seq: number; pos: number };
}

function storedEvent(draft: Draft, where: { at: number; heads: Heads; pos: number }): LoggedEvent {
  const head = headIn(where.heads, draft.stream);
  head.seq += 1;
  head.pos = where.pos;
  const place = { pos: where.pos, seq: head.seq };
  const messageId = draft.message === undefined ? null : draft.message.id === "own" ? where.pos : draft.message.id;
  const storesData = draft.message?.storesData ?? true;
  const { stream, type, author = null, cacheable = true } = draft;
  return { ...place, stream, type, messageId, author, data: draft.data(place), storesData, cacheable, at: where.at };
}
