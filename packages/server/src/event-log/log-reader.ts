import { type Kysely, sql } from "kysely";
import type { ReadDatabase } from "../db/open.ts";
import { prepared, preparedBy } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";

/** The place of an event: its number in its stream, and its position in the whole log. */
export interface Place {
  readonly seq: number;
  readonly pos: number;
}

/** Before every event. */
export const NOWHERE: Place = { seq: 0, pos: 0 };

/** An event as the log holds it: `data` is null where the message has to be read. */
export interface StoredEvent {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  readonly messageId: number | null;
  readonly data: string | null;
  readonly at: number;
}

/** The end of a stream, and what is left of it after old events were removed. */
export interface StreamState {
  /** Its newest event. */
  readonly head: Place;
  /** Seq of the oldest event that is kept; one above the newest seq when none is. */
  readonly firstSeq: number;
  /** Position of the newest event that was removed, 0 when none was. */
  readonly trimmedPos: number;
}

/** The state of a stream that has had no event. */
export const EMPTY: StreamState = { head: NOWHERE, firstSeq: 1, trimmedPos: 0 };

/** Events of one stream: those above `after`, up to `upTo`. */
export interface SeqRange {
  readonly stream: string;
  readonly after: number;
  readonly upTo: number;
}

const COLUMNS = ["pos", "stream", "seq", "type", "message_id as messageId", "data", "at"] as const;

/**
 * Reads the log, many streams with one statement. Every method takes an upper position, because a node never shows events that it has not announced yet.
 */
export class LogReader {
  readonly #db: ReadDatabase;

  constructor(db: ReadDatabase) {
    this.#db = db;
  }

  /** Position of the newest committed event, 0 in an empty log. */
  end(): Promise<number> {
    return readPosition(this.#db);
  }

  /** All streams together, in the order of position. */
  all(after: number, limit: number): Promise<StoredEvent[]> {
    return this.#db.selectFrom("events").select(COLUMNS).where("pos", ">", after).orderBy("pos").limit(limit).execute();
  }

  /** The next events of one stream, up to a position. */
  ofStream(stream: string, at: { after: number; upTo: number; limit: number }): Promise<StoredEvent[]> {
    return this.#db
      .selectFrom("events")
      .select(COLUMNS)
      .where("stream", "=", stream)
      .where("seq", ">", at.after)
      .where("pos", "<=", at.upTo)
      .orderBy("seq")
      .limit(at.limit)
      .execute();
  }

  /** One event, or undefined if it has left the log. */
  at(pos: number): Promise<StoredEvent | undefined> {
    return this.#db.selectFrom("events").select(COLUMNS).where("pos", "=", pos).executeTakeFirst();
  }

  /** The events of these ranges up to a position, by stream, each ascending. */
  async ranges(ranges: readonly SeqRange[], upTo: number): Promise<Map<string, StoredEvent[]>> {
    if (ranges.length === 0) return new Map();
    return Map.groupBy(await eventsOf(this.#db, { asked: asRows(ranges), upTo }), ({ stream }) => stream);
  }

  /** As committed: a head may be beyond what this node has announced. Streams without events are left out. */
  states(streams: readonly string[]): Promise<Map<string, StreamState>> {
    return streamStates(this.#db, streams);
  }

  /**
   * For each stream the highest seq of its range whose position is at most `pos`. Streams without one are left out. Costs one index step
   * for each event above it.
   */
  async seqsAt(pos: number, ranges: readonly SeqRange[]): Promise<Map<string, number>> {
    if (ranges.length === 0) return new Map();
    const rows = await highestSeqs(this.#db, { asked: asRows(ranges), pos });
    return new Map(rows.flatMap(({ stream, seq }) => (seq === null ? [] : [[stream, seq]])));
  }
}

/**
 * The log's end as seen by one transaction and read first in it: the `asOf` of a state reply is made from it. Write procedures have `tx.end`, since
 * the row moves at the end of their batch.
 */
export async function readPosition(db: ReadDatabase): Promise<number> {
  const [row] = await logEnd(db, 1);
  return (row as { pos: number }).pos;
}

/** Position of one event, or undefined if there is none (any more). */
export async function eventPosition(db: Kysely<Schema>, stream: string, seq: number): Promise<number | undefined> {
  const row = await db
    .selectFrom("events")
    .select("pos")
    .where("stream", "=", stream)
    .where("seq", "=", seq)
    .executeTakeFirst();
  return row?.pos;
}

/** Streams as committed; those without events are left out. */
export async function streamStates(db: Kysely<Schema>, streams: readonly string[]): Promise<Map<string, StreamState>> {
  if (streams.length === 0) return new Map();
  const rows = await statesOf(
    db,
    streams.map((stream) => [stream]),
  );
  return new Map(rows.map(({ stream, seq, pos, ...rest }) => [stream, { head: { seq, pos }, ...rest }]));
}

const logEnd = prepared((db, limit) => db.selectFrom("log").select("pos").limit(sql<number>`${limit}`));

const RANGE = { stream: "text", after: "number", up_to: "number" } as const;
const asRows = (ranges: readonly SeqRange[]) => ranges.map(({ stream, after, upTo }) => [stream, after, upTo]);

const eventsOf = preparedBy(["asked", "upTo"], (db, { asked, upTo }) =>
  db
    .selectFrom(boundRows(RANGE, asked).as("asked"))
    .innerJoin("events", (join) =>
      join
        .onRef("events.stream", "=", "asked.stream")
        .onRef("events.seq", ">", "asked.after")
        .onRef("events.seq", "<=", "asked.up_to"),
    )
    .select(COLUMNS.map((column) => `events.${column}` as const))
    .where("events.pos", "<=", sql<number>`${upTo}`)
    .orderBy("events.pos"),
);

const highestSeqs = preparedBy(["asked", "pos"], (db, { asked, pos }) =>
  db
    .selectFrom(boundRows(RANGE, asked).as("asked"))
    .select((eb) => [
      "asked.stream",
      eb
        .selectFrom("events")
        .select("events.seq")
        .whereRef("events.stream", "=", "asked.stream")
        .whereRef("events.seq", ">", "asked.after")
        .whereRef("events.seq", "<=", "asked.up_to")
        .where("events.pos", "<=", sql<number>`${pos}`)
        .orderBy("events.seq", "desc")
        .limit(1)
        .as("seq"),
    ]),
);

const statesOf = prepared((db, streams) =>
  db
    .selectFrom(boundRows({ name: "text" }, streams).as("asked"))
    .innerJoin("streams", "streams.stream", "asked.name")
    .select(["stream", "seq", "pos", "first_seq as firstSeq", "trimmed_pos as trimmedPos"]),
);
