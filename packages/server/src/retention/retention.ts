import type { ReadDatabase } from "../db/open.ts";
import { boundRows, textList } from "../db/rows.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Writes } from "../db/writer.ts";
import type { Clock } from "../lib/clock.ts";
import { every } from "../lib/interval.ts";
import { oldBefore, ROWS_PER_TRIM, trimEvents } from "./retention-writes.ts";

/**
 * Removes old events from the log. An event may go when it is older than `days` and not among the newest `minEvents` of
 * its stream; beyond `maxEvents` a stream's oldest go whatever their age. Messages are never removed: they are another table.
 *
 * - Looks go through the streams in turn, by their key, so each costs the same however large the log is, and nothing has to
 *   be remembered over a restart. Streams beyond the maximum are noticed when they grow.
 * - Removed in writes of at most 100 rows, when no other write waits.
 * - A stream keeps its newest events without a gap: one with a date in the future (of a clock that went wrong) holds those
 *   after it, up to `maxEvents`.
 * - What this node has not announced yet stays, and so does what a follower has not handled, for a day (`event-log/follower.ts`).
 */
const DAY_MS = 86_400_000;
/** The time between two looks. */
const LOOK_MS = 2000;
/** How many streams each look takes in turn, which costs about a millisecond: a million streams take three hours. */
const PAGE = 200;
/** The most writes of one look: 10 000 events. */
const WRITES_PER_LOOK = 100;
/** The most streams that wait for the next look; others are found in their turn. */
const DUE_MAX = 1000;

export interface RetentionParts {
  readonly db: ReadDatabase;
  readonly writes: Writes;
  readonly clock: Clock;
  readonly limits: { readonly days: number; readonly minEvents: number; readonly maxEvents: number };
  /** Its position says how far this node has announced the log. */
  readonly announcer: { readonly position: number };
  /** Events after this position stay, for followers; without it none do. */
  readonly heldAfter?: () => number;
}

interface StreamRow {
  readonly stream: string;
  readonly seq: number;
  readonly first: number;
}

/** Looks every two seconds, and removes what may go. */
export class Retention {
  readonly #parts: RetentionParts;
  /** Streams for the next look. */
  readonly #due = new Set<string>();
  /** The last stream that a look took in turn. */
  #lastLookedAt = "";
  /** Events of the streams that this round has looked at so far, and of all streams in the last one. */
  #countedSoFar = 0;
  #counted: number | undefined;
  #looking: Promise<unknown> | undefined;
  #stopped = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** Events in the log, as the last round through all streams has found it; undefined before the end of the first. */
  get counted(): number | undefined {
    return this.#counted;
  }

  /** Called for every announced event. */
  onEvent(event: LoggedEvent): void {
    if (event.seq > this.#parts.limits.maxEvents) this.#markDue(event.stream);
  }

  /** Looks every two seconds. @returns a function that ends this, and resolves when nothing of it runs any more */
  start(onError: (error: unknown) => void): () => Promise<void> {
    const stop = every(LOOK_MS, () => {
      this.#looking ??= this.look()
        .catch(onError)
        .finally(() => {
          this.#looking = undefined;
        });
    });
    return async () => {
      stop();
      this.#stopped = true;
      await this.#looking;
    };
  }

  /** Removes what may go of the next streams, a bounded amount. @returns how many events */
  async look(): Promise<number> {
    const streams = await this.#removable([...(await this.#takeDue()), ...(await this.#nextInTurn())]);
    let removed = 0;
    try {
      for (let write = 0; write < WRITES_PER_LOOK && streams.length > 0 && !this.#stopped; write++) {
        const trimmed = await this.#trim(streams.slice(0, ROWS_PER_TRIM));
        streams.splice(0, ROWS_PER_TRIM);
        streams.push(...trimmed.unfinished);
        removed += trimmed.removed;
      }
    } finally {
      for (const stream of streams) this.#markDue(stream);
    }
    return removed;
  }

  #trim(streams: readonly string[]) {
    const { writes, limits } = this.#parts;
    const { days, ...events } = limits;
    const upTo = this.#upTo();
    return writes.runWhenIdle(trimEvents, { streams, maxAgeMs: days * DAY_MS, ...events, upTo });
  }

  /** Events after this position stay. */
  #upTo(): number {
    const { announcer, heldAfter } = this.#parts;
    return Math.min(announcer.position, heldAfter?.() ?? Number.POSITIVE_INFINITY);
  }

  #markDue(stream: string): void {
    if (this.#due.size < DUE_MAX) this.#due.add(stream);
  }

  /** What was due since the last look. */
  async #takeDue(): Promise<StreamRow[]> {
    if (this.#due.size === 0) return [];
    const due = [...this.#due];
    this.#due.clear();
    return this.#rows().where("stream", "in", textList(due)).execute();
  }

  /** The next page of all streams; after the last one it begins anew. */
  async #nextInTurn(): Promise<StreamRow[]> {
    const rows = await this.#rows().where("stream", ">", this.#lastLookedAt).orderBy("stream").limit(PAGE).execute();
    this.#countedSoFar += rows.reduce((all, { seq, first }) => all + seq - first + 1, 0);
    const isRoundOver = rows.length < PAGE;
    this.#lastLookedAt = isRoundOver ? "" : (rows.at(-1)?.stream ?? "");
    if (isRoundOver) {
      this.#counted = this.#countedSoFar;
      this.#countedSoFar = 0;
    }
    return rows;
  }

  #rows() {
    return this.#parts.db.selectFrom("streams").select(["stream", "seq", "first_seq as first"]);
  }

  /** Those whose oldest event may go now. */
  async #removable(rows: readonly StreamRow[]): Promise<string[]> {
    const { db, clock } = this.#parts;
    const { days, minEvents, maxEvents } = this.#parts.limits;
    const longer = new Map(rows.filter(({ seq, first }) => seq - minEvents >= first).map((row) => [row.stream, row]));
    if (longer.size === 0) return [];
    const places = boundRows(
      { stream: "text", first: "number" },
      [...longer.values()].map(({ stream, first }) => [stream, first]),
    );
    const olderThan = await oldBefore(db, { clockNow: clock.now(), maxAgeMs: days * DAY_MS });
    const oldest = await db
      .selectFrom(places.as("asked"))
      .innerJoin("events", (join) =>
        join.onRef("events.stream", "=", "asked.stream").onRef("events.seq", "=", "asked.first"),
      )
      .select(["events.stream", "events.seq", "events.at"])
      .where("events.pos", "<=", this.#upTo())
      .execute();
    const isOver = (stream: string, seq: number) => seq <= (longer.get(stream)?.seq ?? 0) - maxEvents;
    return oldest.filter(({ stream, seq, at }) => at < olderThan || isOver(stream, seq)).map(({ stream }) => stream);
  }
}
