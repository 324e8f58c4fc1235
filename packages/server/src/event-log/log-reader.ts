import { sql } from "kysely";
import { boundRows } from "../db/dialect.ts";
import type { ReadDatabase } from "../db/open.ts";
import { prepared, preparedBy } from "../db/prepared.ts";

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

export interface Head {
  readonly seq: number;
  readonly pos: number;
}

/** What is left of a stream after old events were removed. */
export interface Kept {
  /** Seq of the oldest event that is kept; one above the newest seq when none is. */
  readonly firstSeq: number;
  /** Position of the newest event that was removed, 0 when none was. */
  readonly trimmedPos: number;
}

/** Of a stream from which nothing was removed. */
export const WHOLE: Kept = { firstSeq: 1, trimmedPos: 0 };

const COLUMNS = ["pos", "stream", "seq", "type", "message_id as messageId", "data", "at"] as const;

/** Reads the log. Everything takes an upper position: a node never shows what it has not announced yet. */
export class LogReader {
  readonly #db: ReadDatabase;

  constructor(db: ReadDatabase) {
    this.#db = db;
  }

  /** Made with the database; kept by a move, renewed by a restore. */
  async epoch(): Promise<string> {
    const row = await this.#db.selectFrom("meta").select("value").where("key", "=", "epoch").executeTakeFirstOrThrow();
    return row.value;
  }

  /** Position of the newest committed event, 0 in an empty log. */
  async end(): Promise<number> {
    return readPosition(this.#db);
  }

  /** All streams together, in the order of position. */
  all(after: number, limit: number): Promise<StoredEvent[]> {
    return this.#db.selectFrom("events").select(COLUMNS).where("pos", ">", after).orderBy("pos").limit(limit).execute();
  }

  /** Events of one stream with a seq above `after`, ascending. */
  stream(stream: string, range: { after: number; upTo: number; limit: number }): Promise<StoredEvent[]> {
    return eventsAfter(this.#db, { stream, ...range });
  }

  /** The newest events of one stream up to a position, ascending. */
  async newest(stream: string, upTo: number, limit: number): Promise<StoredEvent[]> {
    return (await newestEvents(this.#db, { stream, upTo, limit })).reverse();
  }

  /** Heads as committed: one of them may be beyond what this node has announced. Streams without events are left out. */
  async heads(streams: readonly string[]): Promise<Map<string, Head>> {
    const rows = await headsOf(this.#db, asRows(streams));
    return new Map(rows.map(({ stream, seq, pos }) => [stream, { seq, pos }]));
  }

  /** Where the log of each stream begins. Streams without events are left out. */
  async kept(streams: readonly string[]): Promise<Map<string, Kept>> {
    const rows = await keptOf(this.#db, asRows(streams));
    return new Map(rows.map(({ stream, firstSeq, trimmedPos }) => [stream, { firstSeq, trimmedPos }]));
  }

  /**
   * The highest seq of a stream whose position is at most `pos`, looked for above `above` and up to `upTo`; undefined when
   * it is not there. Costs one step of the index for each event in between.
   */
  async seqAt(stream: string, pos: number, range: { above: number; upTo: number }): Promise<number | undefined> {
    const [row] = await highestSeq(this.#db, { stream, pos, ...range });
    return row?.seq ?? undefined;
  }

  /** Position of one event, or undefined if there is none (any more). */
  async posOf(stream: string, seq: number): Promise<number | undefined> {
    const row = await this.#db
      .selectFrom("events")
      .select("pos")
      .where("stream", "=", stream)
      .where("seq", "=", seq)
      .executeTakeFirst();
    return row?.pos;
  }
}

/** The log's end as seen by one transaction: what `asOf` of a state reply is made from, read first in it. */
export async function readPosition(db: ReadDatabase): Promise<number> {
  const [row] = await logEnd(db, 1);
  return (row as { pos: number }).pos;
}

const logEnd = prepared((db, limit) => db.selectFrom("log").select("pos").limit(sql<number>`${limit}`));

const eventsAfter = preparedBy(["stream", "after", "upTo", "limit"], (db, { stream, after, upTo, limit }) =>
  db
    .selectFrom("events")
    .select(COLUMNS)
    .where("stream", "=", sql<string>`${stream}`)
    .where("seq", ">", sql<number>`${after}`)
    .where("pos", "<=", sql<number>`${upTo}`)
    .orderBy("seq")
    .limit(sql<number>`${limit}`),
);

const newestEvents = preparedBy(["stream", "upTo", "limit"], (db, { stream, upTo, limit }) =>
  db
    .selectFrom("events")
    .select(COLUMNS)
    .where("stream", "=", sql<string>`${stream}`)
    .where("pos", "<=", sql<number>`${upTo}`)
    .orderBy("seq", "desc")
    .limit(sql<number>`${limit}`),
);

const highestSeq = preparedBy(["stream", "pos", "above", "upTo"], (db, { stream, pos, above, upTo }) =>
  db
    .selectFrom("events")
    .select((eb) => eb.fn.max("seq").as("seq"))
    .where("stream", "=", sql<string>`${stream}`)
    .where("seq", ">", sql<number>`${above}`)
    .where("seq", "<=", sql<number>`${upTo}`)
    .where("pos", "<=", sql<number>`${pos}`),
);

const asRows = (streams: readonly string[]) => streams.map((stream) => [stream]);

const headsOf = prepared((db, streams) =>
  db
    .selectFrom(boundRows<{ name: string }>(["name"], streams).as("asked"))
    .innerJoin("streams", "streams.stream", "asked.name")
    .select(["stream", "seq", "pos"]),
);

const keptOf = prepared((db, streams) =>
  db
    .selectFrom(boundRows<{ name: string }>(["name"], streams).as("asked"))
    .innerJoin("streams", "streams.stream", "asked.name")
    .select(["stream", "first_seq as firstSeq", "trimmed_pos as trimmedPos"]),
);
