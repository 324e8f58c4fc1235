import { type Cursor, encodeEvent, formatCursor, userOfStream } from "@parley/protocol";
import type { MessageDataOf } from "./announce.ts";
import type { StoredEvent } from "./log-reader.ts";
import { isComplete, isOver, type Reading, resync, startAt } from "./start-at.ts";
import { type ReadWindow, subscriptionChange } from "./subscriptions.ts";
import type { Tail } from "./tail.ts";

/**
 * One reader's ordered view of the log: what is missing since his cursor (backfill), the step where past and present
 * meet (cut-over), and from then on nothing: live events come by the hub. The only place where history meets the tail.
 *
 * - Events come in the order of position over all his streams, so a cursor in the middle is a floor.
 * - Nothing beyond the node's position is shown: what is announced later comes live.
 * - Joins and leaves take effect where they stand in the log.
 *
 * Knows neither encoding of transports nor sockets. Bounded: a round holds at most `ROUND` events of each stream that is
 * behind, and a reader further behind than `max` is told to reload instead.
 */
export interface OutboxParts {
  readonly tail: Tail;
  readonly epoch: string;
  readonly messageDataOf: MessageDataOf;
  /** Hands on what this node has not announced yet, up to a position; resolves at the log's end at the latest. */
  readonly reach: (position: number) => Promise<void>;
  /** The reader's windows as the database has them; without a uid, an anonymous reader's. */
  readonly windowsOf: (uid: number | undefined) => Promise<ReadWindow[]>;
}

const ROUND = 100;
/** The cut-over happens in one synchronous step: no more events than this are left to it. */
const CUT_OVER = 64;

export class Outbox {
  readonly #parts: OutboxParts;
  readonly #uid: number | undefined;
  #streams = new Map<string, Reading>();
  #buffer: StoredEvent[] = [];
  #floor = 0;
  /** Position at which nothing was left to read; -1: not yet, or a stream has come since. */
  #completeAt = -1;

  /** @param uid undefined: an anonymous reader */
  constructor(parts: OutboxParts, uid: number | undefined) {
    this.#parts = parts;
    this.#uid = uid;
  }

  /**
   * Finds where the reader stands.
   * @param max events behind, in one stream and in all, that are sent instead of RESYNC `far`
   * @returns RESYNC frames, to be sent before anything else
   */
  async open(cursor: Cursor, max?: number): Promise<string[]> {
    const start = await startAt(this.#parts, { uid: this.#uid, cursor, max });
    this.#streams = start.streams;
    this.#floor = start.floor;
    this.#completeAt = start.completeAt;
    return start.resyncs;
  }

  /** Starts at the node's position, with nothing to catch up. */
  async openAtHead(): Promise<void> {
    await this.open({ epoch: this.#parts.epoch, floor: this.#parts.tail.position, streams: new Map() });
  }

  /**
   * The next frames, at most `limit`; an empty list when the reader has everything for the moment. The caller hands them
   * on without waiting in between, since what they show is checked to be the present state just before they are returned.
   */
  async next(limit: number): Promise<string[]> {
    const resyncs = this.#buffer.length === 0 ? await this.#fill() : [];
    for (;;) {
      const chunk = this.#buffer.slice(0, limit);
      const readAt = this.#parts.tail.position;
      const missing = chunk.filter((event) => this.#needsMessage(event)).map((event) => event.messageId as number);
      const texts = missing.length > 0 ? await this.#parts.messageDataOf(missing) : new Map<number, string>();
      if (missing.some((id) => this.#parts.tail.changedSince(id, readAt))) continue;
      const frames = resyncs;
      for (const event of chunk) {
        this.#buffer.shift();
        const data = event.data ?? texts.get(event.messageId as number);
        if (this.#take(event) && data !== undefined) frames.push(encodeEvent({ ...event, data }));
        if (this.#addsStream(event)) {
          // What was read before the join is out of order with the stream that came with it: read again.
          this.#buffer = [];
          break;
        }
      }
      if (frames.length > 0 || chunk.length === 0) return frames;
      if (this.#buffer.length === 0) resyncs.push(...(await this.#fill()));
    }
  }

  /**
   * The step from past to present, synchronous: what is left of the tail, after which the caller subscribes to
   * `streams()` in the same turn. Undefined when too much is left, or not in memory: call `next` again.
   */
  cutOver(): string[] | undefined {
    if (this.#buffer.length > 0) return undefined;
    const rest: StoredEvent[] = [];
    for (const [stream, reading] of this.#streams) {
      const head = this.#parts.tail.head(stream);
      if (!head && this.#parts.tail.evictedUpTo > this.#completeAt) return undefined;
      if (!head || head.seq <= reading.have || isOver(reading)) continue;
      const events = this.#parts.tail.peek(stream, reading.have, CUT_OVER);
      if (!events || events.at(-1)?.seq !== head.seq || events.some((event) => event.data === null)) return undefined;
      rest.push(...events);
      if (rest.length > CUT_OVER) return undefined;
    }
    rest.sort((a, b) => a.pos - b.pos);
    if (rest.some((event) => this.#addsStream(event))) return undefined;
    const frames: string[] = [];
    for (const event of rest) if (this.#take(event)) frames.push(encodeEvent({ ...event, data: event.data as string }));
    this.#floor = this.#parts.tail.position;
    return frames;
  }

  /** The streams that the reader goes on reading. */
  *streams(): Generator<string> {
    for (const [stream, reading] of this.#streams) if (reading.until === null) yield stream;
  }

  /** What the reader has now: a floor, and the few streams in which he is ahead of it. */
  cursor(): string {
    const streams = new Map<string, number>();
    for (const [stream, reading] of this.#streams) {
      if (reading.havePos > this.#floor && !isOver(reading)) streams.set(stream, reading.have);
    }
    return formatCursor({ epoch: this.#parts.epoch, floor: this.#floor, streams });
  }

  /** Reads a round: of each stream that is behind its next events, as far as their order is known. */
  async #fill(): Promise<string[]> {
    const { tail } = this.#parts;
    const position = tail.position;
    // What is not in memory has had no event since nothing was left to read: then only the others need a look.
    const heads = tail.evictedUpTo <= this.#completeAt ? undefined : await tail.heads([...this.#streams.keys()]);
    let horizon = position;
    const events: StoredEvent[] = [];
    const resyncs: string[] = [];
    for (const [stream, reading] of this.#streams) {
      const head = (heads ? heads.get(stream) : tail.head(stream))?.seq ?? 0;
      if (isComplete(reading, head)) continue;
      const read = await tail.read(stream, reading.have, ROUND);
      const first = read[0];
      const last = read.at(-1);
      if (!first || !last) continue;
      if (first.seq > reading.have + 1) {
        resyncs.push(resync({ stream, seq: first.seq - 1, why: "trimmed" }));
        reading.have = first.seq - 1;
      }
      if (last.seq < head) horizon = Math.min(horizon, last.pos);
      events.push(...read);
    }
    this.#buffer = events.filter((event) => event.pos <= horizon).sort((a, b) => a.pos - b.pos);
    if (this.#buffer.length === 0) {
      this.#floor = Math.max(this.#floor, position);
      this.#completeAt = position;
    }
    return resyncs;
  }

  #needsMessage(event: StoredEvent): boolean {
    return event.data === null && event.messageId !== null;
  }

  /** Counts an event as had. @returns whether the reader may see it */
  #take(event: StoredEvent): boolean {
    const reading = this.#streams.get(event.stream);
    if (!reading || event.seq <= reading.have || (reading.until !== null && event.seq > reading.until)) return false;
    reading.have = event.seq;
    reading.havePos = event.pos;
    this.#floor = Math.max(this.#floor, event.pos);
    this.#subscribe(event);
    return true;
  }

  #subscribe(event: StoredEvent): void {
    const change = subscriptionChange(event);
    if (!change) return;
    const own = userOfStream(event.stream) !== undefined;
    if (change.kind === "join") {
      // The room's own event names him too, but only who reads the room sees it; the copy in his stream decides.
      if (!own) return;
      const known = this.#streams.get(change.stream);
      // The window he came with may hold this join already, and the leave after it.
      if (known && (known.until === null || known.until >= change.seq)) return;
      this.#completeAt = -1;
      this.#streams.set(change.stream, { have: change.seq - 1, havePos: Number.POSITIVE_INFINITY, until: null });
      return;
    }
    if (change.kind === "leave" && !(this.#uid !== undefined && change.uids.includes(this.#uid))) return;
    const reading = this.#streams.get(change.stream);
    if (reading && (reading.until === null || reading.until > change.seq)) reading.until = change.seq;
  }

  #addsStream(event: StoredEvent): boolean {
    return userOfStream(event.stream) !== undefined && subscriptionChange(event)?.kind === "join";
  }
}
