import {
  type Cursor,
  encodeEvent,
  formatCursor,
  type SubscriptionChange,
  subscriptionChange,
  userOfStream,
} from "@parley/protocol";
import { CurrentTexts, type TextParts } from "./current-texts.ts";
import { NOWHERE, type Place, type StoredEvent } from "./log-reader.ts";
import { PackedStreams } from "./packed-streams.ts";
import { isComplete, isOver, type Progress, progressFromJoin, resync, skipTrimmed } from "./progress.ts";
import { type HeadsAt, type StartParts, startAt } from "./start-at.ts";

/** Shared by the outboxes of all readers. */
export interface OutboxParts extends StartParts, TextParts {
  /** See `Announcer`: asked just before anything is handed out, since it was read while others were served. */
  readonly assertHolds: () => void;
}

const NO_STREAMS = new Map<string, Progress>();
const ROUND = 100;
/** The most events that may be left for the cut-over, which is one synchronous step. */
const CUT_OVER = 64;

/**
 * One reader's ordered view of the log: what is missing since their cursor (backfill), the step where past and present
 * meet (cut-over), and from then on nothing: live events come by the hub. The only place where history meets the tail.
 *
 * - Events come in the order of position across all their streams, so a cursor in the middle is a floor. - Nothing beyond the node's
 *   position is shown: what is announced later comes live. - Joins and leaves take effect at their place in the log.
 *
 * Knows neither encoding of transports nor sockets. Bounded: a round holds at most `ROUND` events of each stream that is
 * behind, and a reader further behind than `max` is told to reload instead.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #uid: number | undefined;
  #opened: Map<string, Progress> = NO_STREAMS;
  /** Replaces the map while the reader rests. */
  #packed: PackedStreams | undefined;
  #buffer: StoredEvent[] = [];
  #floor = 0;
  /** The newest position at which nothing was left to read; -1 if there is none yet, or if a stream was added since. */
  #completeAt = -1;
  /** The newest event of each stream, kept while something is left to read; `#knownHeads` says how long it stays true. */
  #heads: HeadsAt | undefined;

  /** @param uid undefined: an anonymous reader */
  constructor(parts: OutboxParts, uid: number | undefined) {
    this.#parts = parts;
    this.#uid = uid;
  }

  /**
   * Finds where the reader stands.
   * @param max events behind, in one stream and in all, that are sent instead of RESYNC `far`
   * @returns RESYNC frames, to be sent before anything else
   * @throws StorageFault, as `next` and `cutOver` do, if the log has become another one
   */
  async open(cursor: Cursor, max?: number): Promise<string[]> {
    const start = await startAt(this.#parts, { uid: this.#uid, cursor, max });
    this.#parts.assertHolds();
    this.#opened = start.streams;
    this.#floor = start.floor;
    this.#completeAt = start.completeAt;
    this.#heads = start.completeAt < 0 ? start.heads : undefined;
    return start.resyncs;
  }

  /** The reader is going to wait: it takes little memory until it is asked again. `sharedName`: see `PackedStreams`. */
  rest(sharedName: (stream: string) => string): void {
    this.#packed ??= new PackedStreams(this.#opened, sharedName);
    this.#opened = NO_STREAMS;
  }

  get #streams(): Map<string, Progress> {
    if (this.#packed) this.#opened = this.#packed.unpack();
    this.#packed = undefined;
    return this.#opened;
  }

  /** The same from where this node is now. */
  openNow(): Promise<string[]> {
    return this.open({ epoch: this.#parts.epoch, floor: this.#parts.tail.position, streams: new Map() });
  }

  /**
   * The next frames, at most `limit`, and no further one once they have `length` characters; an empty list when the reader has everything
   * for the moment. The caller hands them on without waiting in between, because they are checked to show the present state just before
   * they are returned.
   */
  async next(limit: number, length = Number.POSITIVE_INFINITY): Promise<string[]> {
    let rest = length;
    const frames = this.#buffer.length === 0 ? await this.#fill() : [];
    for (;;) {
      const chunk = this.#buffer.slice(0, Math.min(limit, ROUND));
      const texts = new CurrentTexts(this.#parts);
      for (let missing = texts.missing(chunk); missing.length > 0; missing = texts.missing(chunk))
        await texts.read(missing);
      this.#parts.assertHolds();
      let taken = 0;
      let isCut = false;
      for (const event of chunk) {
        taken += 1;
        const data = texts.of(event);
        const isJoin = this.#joinOf(event) !== undefined;
        if (this.#take(event) && data !== undefined) {
          frames.push(encodeEvent({ ...event, data }));
          rest -= data.length;
        }
        isCut = isJoin;
        if (isJoin || rest <= 0) break;
      }
      // Events that were read before the join are out of order with those of the stream that came with it: they are read again.
      this.#buffer = isCut ? [] : this.#buffer.slice(taken);
      texts.share(chunk);
      if (frames.length > 0 || chunk.length === 0) return frames;
      if (this.#buffer.length === 0) frames.push(...(await this.#fill()));
    }
  }

  /** Whether events were read that `next` has not returned; after `next(0)`, whether any are left. */
  get isAhead(): boolean {
    return this.#buffer.length > 0;
  }

  /**
   * The step from past to present, synchronous: what is left of the tail, after which the caller subscribes to
   * `streams()` in the same turn. Undefined when more than `most` events are left, or several with more than `length` characters,
   * or some are not in memory: call `next` again.
   */
  cutOver(most = CUT_OVER, length = Number.POSITIVE_INFINITY): string[] | undefined {
    this.#parts.assertHolds();
    if (this.#buffer.length > 0) return undefined;
    const heads = this.#knownHeads();
    if (!heads) return undefined;
    const rest: StoredEvent[] = [];
    for (const [stream, progress] of this.#streams) {
      const head = heads.get(stream);
      if (!head || isComplete(progress, head.seq)) continue;
      const events = this.#parts.tail.peek(stream, progress.have, most);
      if (!events || events.at(-1)?.seq !== head.seq) return undefined;
      if (events.some((event) => event.data === null)) return undefined;
      rest.push(...events);
      if (rest.length > most) return undefined;
    }
    rest.sort((a, b) => a.pos - b.pos);
    if (rest.some((event) => this.#joinOf(event) !== undefined)) return undefined;
    if (rest.length > 1 && rest.reduce((sum, { data }) => sum + (data?.length ?? 0), 0) > length) return undefined;
    const frames: string[] = [];
    for (const event of rest) if (this.#take(event)) frames.push(encodeEvent({ ...event, data: event.data as string }));
    this.#haveAll(this.#parts.tail.position);
    return frames;
  }

  /** Nothing up to a position is left to read, so the floor alone is enough. */
  #haveAll(position: number): void {
    this.#floor = position;
    for (const progress of this.#streams.values()) progress.havePos = Math.min(progress.havePos, position);
  }

  /** The streams that the reader continues to read. */
  *streams(): Generator<string> {
    for (const [stream, progress] of this.#streams) if (!isOver(progress)) yield stream;
  }

  /** What the reader has now: a floor, and the few streams in which they are ahead of it. */
  cursor(): string {
    const streams = new Map<string, number>();
    for (const [stream, progress] of this.#streams) {
      if (progress.havePos > this.#floor) streams.set(stream, progress.have);
    }
    return formatCursor({ epoch: this.#parts.epoch, floor: this.#floor, streams });
  }

  /** Reads a round: the next events of each stream that is behind, as far as their order is known. */
  async #fill(): Promise<string[]> {
    const { tail } = this.#parts;
    const position = tail.position;
    const heads = this.#knownHeads() ?? (await this.#readHeads());
    let horizon = position;
    const events: StoredEvent[] = [];
    const resyncs: string[] = [];
    const headOf = (stream: string) => heads.get(stream) ?? NOWHERE;
    const behind = [...this.#streams].filter(([stream, progress]) => !isComplete(progress, headOf(stream).seq));
    const found = await tail.read(
      behind.map(([stream, { have }]) => ({ stream, after: have })),
      ROUND,
    );
    for (const [stream, progress] of behind) {
      const read = found.get(stream) ?? [];
      const head = headOf(stream);
      const first = read[0];
      const last = read.at(-1);
      // The events in between were removed while they were reading; if nothing is left, up to the head.
      const gone = first ? { seq: first.seq - 1, pos: first.pos - 1 } : head;
      if (skipTrimmed(progress, gone)) resyncs.push(resync({ stream, seq: progress.have, why: "trimmed" }));
      if (last && last.seq < head.seq) horizon = Math.min(horizon, last.pos);
      events.push(...read);
    }
    this.#buffer = events.filter((event) => event.pos <= horizon).sort((a, b) => a.pos - b.pos);
    if (this.#buffer.length === 0) {
      // What was read is not for them, because the events before it were removed: continue after it.
      if (events.length > 0) return [...resyncs, ...(await this.#fill())];
      this.#haveAll(Math.max(this.#floor, position));
      this.#completeAt = position;
      this.#heads = undefined;
    }
    return resyncs;
  }

  async #readHeads(): Promise<ReadonlyMap<string, Place>> {
    const at = this.#parts.tail.position;
    const of = await this.#parts.tail.heads([...this.#streams.keys()]);
    this.#heads = { at, of };
    return of;
  }

  /**
   * Heads of the reader's streams as they are now, all at once, since streams leave memory while others are read. A stream that is missing
   * in the result has nothing left to read. Undefined when heads have to be looked up.
   */
  #knownHeads(): ReadonlyMap<string, Place> | undefined {
    const { tail } = this.#parts;
    // For a stream that is not in memory the known head is still true, or nothing was left to read, unless one with newer events was evicted.
    const knowsOthers = tail.evictedUpTo <= Math.max(this.#completeAt, this.#heads?.at ?? -1);
    const heads = new Map<string, Place>();
    for (const stream of this.#streams.keys()) {
      const inMemory = tail.head(stream);
      if (!inMemory && !knowsOthers) return undefined;
      const head = inMemory ?? this.#heads?.of.get(stream);
      if (head) heads.set(stream, head);
    }
    return heads;
  }

  /** Counts an event as received. @returns whether the reader may see it */
  #take(event: StoredEvent): boolean {
    const progress = this.#streams.get(event.stream);
    if (!progress || event.seq <= progress.have || (progress.until !== null && event.seq > progress.until))
      return false;
    progress.have = event.seq;
    // Below the floor, where a cursor's entry may have put the reader, the stream still has to be named.
    progress.havePos = event.pos < this.#floor ? Number.POSITIVE_INFINITY : event.pos;
    this.#floor = Math.max(this.#floor, event.pos);
    this.#subscribe(event);
    return true;
  }

  #subscribe(event: StoredEvent): void {
    const joined = this.#joinOf(event);
    if (joined) {
      this.#completeAt = -1;
      this.#heads = undefined;
      const had = this.#streams.get(joined.stream)?.have ?? 0;
      this.#streams.set(joined.stream, { ...progressFromJoin(joined.seq), have: Math.max(joined.seq - 1, had) });
      return;
    }
    const change = subscriptionChange(event);
    if (!change || change.kind === "join") return;
    if (change.kind === "leave" && !(this.#uid !== undefined && change.uids.includes(this.#uid))) return;
    const progress = this.#streams.get(change.stream);
    // They have come back since, and continue to read.
    if (!progress || change.seq < progress.joinedSeq) return;
    if (progress.until === null || progress.until > change.seq) progress.until = change.seq;
  }

  /**
   * The joining that an event of the reader's own stream reports, unless their window begins with it or with a later one. The room's own
   * event names them too, but only those who read the room see it.
   */
  #joinOf(event: StoredEvent): (SubscriptionChange & { kind: "join" }) | undefined {
    if (userOfStream(event.stream) === undefined) return undefined;
    const change = subscriptionChange(event);
    if (change?.kind !== "join") return undefined;
    return (this.#streams.get(change.stream)?.joinedSeq ?? 0) < change.seq ? change : undefined;
  }
}
