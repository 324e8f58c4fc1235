import type { Kysely } from "kysely";
import { boundRows, numberList, textList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";

/** The most rows that one write removes, and the most streams that it looks at, so that a send never waits for more. */
export const ROWS_PER_TRIM = 100;

export interface TrimInput {
  /** At most `ROWS_PER_TRIM`. */
  readonly streams: readonly string[];
  /** An event that is older than this may go when it is not among the newest `minEvents` of its stream. */
  readonly maxAgeMs: number;
  readonly minEvents: number;
  /** Everything beyond the newest `maxEvents` goes. At least `minEvents`. */
  readonly maxEvents: number;
  /** Events after this position stay: this node has not announced them yet. */
  readonly upTo: number;
}

export interface Trimmed {
  /** Events removed. */
  readonly removed: number;
  /** Streams that had their share of this write and may have more. */
  readonly unfinished: readonly string[];
}

interface StreamShare {
  readonly stream: string;
  readonly first: number;
  readonly last: number;
  /** Everything up to here is removed, whatever its age. */
  readonly overUpTo: number;
}

interface Oldest {
  readonly pos: number;
  readonly seq: number;
  readonly at: number;
}

/**
 * The time before which events are older than `maxAgeMs`. An age counts up to the clock or up to the time of the newest event in the log,
 * whichever is earlier. So a clock that jumps ahead makes nothing old before something is logged by it; and what was logged by a clock
 * that was ahead makes nothing old once the clock is right again, though the times of writes stay ahead then.
 */
export async function oldBefore(
  db: Kysely<Schema>,
  { clockNow, maxAgeMs }: { clockNow: number; maxAgeMs: number },
): Promise<number> {
  const { at } = await db.selectFrom("log").select("at").executeTakeFirstOrThrow();
  return Math.min(clockNow, at) - maxAgeMs;
}

/**
 * Removes the oldest events of streams, each stream's share of 100 rows. What is kept has no gaps, since only the first events of
 * a stream are ever removed. Running it again removes nothing that may stay.
 */
export async function trimEvents(tx: WriteTransaction, input: TrimInput): Promise<Trimmed> {
  const asked = await shares(tx, input);
  const oldest = await oldestOf(tx, asked, input.upTo);
  const olderThan = await oldBefore(tx.db, { clockNow: tx.clockNow, maxAgeMs: input.maxAgeMs });
  const gone: number[] = [];
  const begins: [string, number, number][] = [];
  const unfinished: string[] = [];
  for (const { stream, first, last, overUpTo } of asked) {
    const events = oldest.get(stream) ?? [];
    const stays = events.findIndex((event) => event.at >= olderThan && event.seq > overUpTo);
    const going = stays < 0 ? events : events.slice(0, stays);
    const newest = going.at(-1);
    if (!newest) continue;
    gone.push(...going.map((event) => event.pos));
    begins.push([stream, newest.seq + 1, newest.pos]);
    if (going.length === last - first + 1) unfinished.push(stream);
  }
  if (gone.length > 0) {
    sent(tx, tx.db.deleteFrom("events").where("pos", "in", numberList(gone)).execute());
    const rows = boundRows({ stream: "text", seq: "number", pos: "number" }, begins);
    sent(
      tx,
      tx.db
        .updateTable("streams")
        .from(rows.as("begins"))
        .set((eb) => ({ first_seq: eb.ref("begins.seq"), trimmed_pos: eb.ref("begins.pos") }))
        .whereRef("streams.stream", "=", "begins.stream")
        .execute(),
    );
  }
  return { removed: gone.length, unfinished };
}

/** Says which of its oldest events each stream may lose now. */
async function shares(tx: WriteTransaction, input: TrimInput): Promise<StreamShare[]> {
  const rows = await tx.db
    .selectFrom("streams")
    .select(["stream", "seq", "first_seq as first"])
    .where("stream", "in", textList(input.streams))
    .execute();
  const longer = rows.filter(({ seq, first }) => seq - input.minEvents >= first);
  const share = Math.max(1, Math.floor(ROWS_PER_TRIM / longer.length));
  return longer.slice(0, ROWS_PER_TRIM).map(({ stream, seq, first }) => ({
    stream,
    first,
    last: Math.min(first + share - 1, seq - input.minEvents),
    overUpTo: seq - input.maxEvents,
  }));
}

/** Events in those places, by stream, ascending. */
async function oldestOf(
  tx: WriteTransaction,
  asked: readonly StreamShare[],
  upTo: number,
): Promise<Map<string, Oldest[]>> {
  const places = boundRows(
    { stream: "text", first: "number", last: "number" },
    asked.map(({ stream, first, last }) => [stream, first, last]),
  );
  const rows = await tx.db
    .selectFrom(places.as("asked"))
    .innerJoin("events", (join) =>
      join
        .onRef("events.stream", "=", "asked.stream")
        .onRef("events.seq", ">=", "asked.first")
        .onRef("events.seq", "<=", "asked.last"),
    )
    .select(["events.stream", "events.seq", "events.pos", "events.at"])
    .where("events.pos", "<=", upTo)
    .orderBy("events.pos")
    .execute();
  const byStream = new Map<string, Oldest[]>();
  for (const { stream, ...event } of rows) {
    const events = byStream.get(stream);
    if (events) events.push(event);
    else byStream.set(stream, [event]);
  }
  return byStream;
}
