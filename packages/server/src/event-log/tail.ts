import { Push, type PushData } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import { inChunks } from "../lib/in-chunks.ts";
import { RecentChanges } from "../lib/recent-changes.ts";
import type { EventData } from "./announce.ts";
import { EMPTY, type LogReader, type Place, type SeqRange, type StoredEvent, type StreamState } from "./log-reader.ts";
import { StreamTail } from "./stream-tail.ts";

/** Events kept for one stream: a reader further behind than this is served from the log, or told to reload. */
const ENTRIES_PER_STREAM = 1000;
/** Events that are read into memory of a stream: at most the first number, and at least the second if the stream has that many. */
const LOADED_PER_STREAM = 200;
const LOADED_AT_LEAST = 32;
/** Streams whose events or places are read with one statement; between two statements everybody else has a turn. */
const LOADED_AT_ONCE = 100;
const LOOKED_UP_AT_ONCE = 2500;

/** How far a reader is in a stream. */
export interface StreamPosition {
  readonly stream: string;
  readonly after: number;
}

/**
 * The recent events of all streams, bounded in bytes; what is not here is read from the log, once for however many readers wait for it. Streams that
 * nobody reads on this node are here too, since people come back to any node (decision 36). Never ahead of `position`: events that were not
 * announced on this node do not exist for its readers.
 */
export class Tail {
  /** Everything up to here has been announced on this node. */
  position: number;
  /** A stream that is not in memory has had no event after this position. */
  evictedUpTo: number;
  /** Positions of the last changes of messages, to catch a reader that has read the old text and has not sent it yet. */
  readonly changes: RecentChanges<number>;
  /** The same for people whose messages were hidden or shown again when a ban began or ended. */
  readonly hiding: RecentChanges<number>;
  readonly #reader: LogReader;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #streams = new Map<string, StreamTail>();
  readonly #loading = new Map<string, Promise<void>>();
  #bytes = 0;

  constructor(reader: LogReader, start: { position: number; maxBytes: number }) {
    this.#reader = reader;
    this.position = start.position;
    this.changes = new RecentChanges(start.position);
    this.hiding = new RecentChanges(start.position);
    this.evictedUpTo = start.position;
    this.#maxBytes = start.maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Called for each event, in the order of position. */
  append(event: LoggedEvent): void {
    this.position = event.pos;
    const known = this.#streams.get(event.stream);
    // A node that was far behind may find that events in between have left the log, so what it has does not join.
    const stream = known?.head.seq === event.seq - 1 ? known : new StreamTail({ seq: event.seq - 1, pos: 0 });
    if (known) this.#bytes -= known.bytes;
    if (known !== stream) known?.forgetAll();
    if (changesEarlier(event)) {
      stream.forgetMessage(event.messageId);
      this.changes.note(event.messageId, event.pos);
    }
    if (event.type === Push.BLACK || event.type === Push.UNBLACK) this.#forgetAuthor(event);
    const { cacheable, ...entry } = event;
    stream.push(cacheable ? entry : { ...entry, data: null });
    if (stream.length > ENTRIES_PER_STREAM) stream.dropOldest();
    this.#bytes += stream.bytes;
    this.#touch(event.stream, stream);
    this.#evict();
  }

  /** Everything in between has left the log. */
  skipTo(position: number): void {
    this.position = Math.max(this.position, position);
  }

  /** Heads of streams as announced, many at once; none is older than the position at which they were asked for. */
  async heads(streams: readonly string[]): Promise<Map<string, Place>> {
    // Kept, since a stream may leave memory while the others are looked up.
    const warm = new Map(streams.map((stream) => [stream, this.head(stream)]));
    const cold = streams.filter((stream) => !warm.get(stream));
    const position = this.position;
    const states = await this.#reader.states(cold);
    // Committed but not announced yet: the head as announced lies a little before.
    const ahead = [...states].filter(([, { head }]) => head.pos > position);
    const ranges = ahead.map(([stream, { head, firstSeq }]) => ({ stream, after: firstSeq - 1, upTo: head.seq }));
    const seqs = await this.#reader.seqsAt(position, ranges);
    const announced = (stream: string): Place => {
      const { head, firstSeq } = states.get(stream) ?? EMPTY;
      return head.pos <= position ? head : { seq: seqs.get(stream) ?? firstSeq - 1, pos: position };
    };
    return new Map(streams.map((stream) => [stream, this.head(stream) ?? warm.get(stream) ?? announced(stream)]));
  }

  /** Head of a stream that is in memory. */
  head(stream: string): Place | undefined {
    return this.#streams.get(stream)?.head;
  }

  /** Up to `limit` events of each stream after a seq, from memory or from the log. */
  async read(asked: readonly StreamPosition[], limit: number): Promise<Map<string, StoredEvent[]>> {
    const found = new Map<string, StoredEvent[]>();
    await inChunks(asked, LOADED_AT_ONCE, async (chunk) => {
      await this.#load(chunk);
      const rest: StreamPosition[] = [];
      for (const one of chunk) {
        const events = this.peek(one.stream, one.after, limit);
        if (events) found.set(one.stream, events);
        else rest.push(one);
      }
      for (const [stream, events] of await this.#fromLog(rest, limit)) found.set(stream, events);
    });
    return found;
  }

  async #fromLog(asked: readonly StreamPosition[], limit: number): Promise<Map<string, StoredEvent[]>> {
    const ranges = asked.map(({ stream, after }) => ({ stream, after, upTo: after + limit }));
    const found = await this.#reader.ranges(ranges, this.position);
    const cut = ranges.filter(({ stream, after }) => found.get(stream)?.[0]?.seq !== after + 1);
    // Events were removed: these streams now begin later.
    const states = await this.#reader.states(cut.map(({ stream }) => stream));
    const kept = cut.flatMap(({ stream, after }) => {
      const first = states.get(stream)?.firstSeq ?? 0;
      return first > after + 1 ? [{ stream, after: first - 1, upTo: first - 1 + limit }] : [];
    });
    return new Map([...found, ...(await this.#reader.ranges(kept, this.position))]);
  }

  /** The events of one stream from memory only; undefined when not all of them are there. */
  peek(stream: string, after: number, limit: number): StoredEvent[] | undefined {
    return this.#streams.get(stream)?.after(after, limit);
  }

  /**
   * Keeps the texts of these events, so that the next reader finds them. They must be those of messages as they are at
   * `position`, and show no other message. Drops older texts at once if memory is full.
   */
  remember(events: readonly StoredEvent[], read: (event: StoredEvent) => EventData | undefined): void {
    for (const event of events) {
      const stream = this.#streams.get(event.stream);
      const data = read(event);
      if (!stream || !data) continue;
      this.#bytes -= stream.bytes;
      stream.remember(event.seq, data);
      this.#bytes += stream.bytes;
    }
    this.#evict();
  }

  /** For each stream the highest seq of its range whose position is at most `pos`; `after` if there is none. */
  async seqsAt(pos: number, ranges: readonly SeqRange[]): Promise<Map<string, number>> {
    const seqs = new Map<string, number>();
    const cold: SeqRange[] = [];
    for (const range of ranges) {
      const seq = this.#streams.get(range.stream)?.seqAt(pos);
      if (seq === undefined) cold.push(range);
      else seqs.set(range.stream, Math.max(seq, range.after));
    }
    await inChunks(cold, LOOKED_UP_AT_ONCE, async (chunk) => {
      const found = await this.#reader.seqsAt(pos, chunk);
      for (const { stream, after } of chunk) seqs.set(stream, found.get(stream) ?? after);
    });
    return seqs;
  }

  /**
   * Brings into memory what these readers lack, as far as it is among the newest events of its stream. It waits for what somebody else is
   * loading. What is not there afterwards is read from the log.
   */
  async #load(asked: readonly StreamPosition[]): Promise<void> {
    const missing = asked.filter((one) => this.#isMissing(one));
    const others = missing.flatMap(({ stream }) => this.#loading.get(stream) ?? []);
    const own = missing.filter(({ stream }) => !this.#loading.has(stream));
    if (own.length > 0) {
      const loading = this.#loadNow(own).finally(() => {
        for (const { stream } of own) this.#loading.delete(stream);
      });
      for (const { stream } of own) this.#loading.set(stream, loading);
      others.push(loading);
    }
    await Promise.all(others);
  }

  #isMissing({ stream, after }: StreamPosition): boolean {
    const tail = this.#streams.get(stream);
    if (!tail) return true;
    return after < tail.searchedAfter && tail.head.seq - after <= LOADED_PER_STREAM;
  }

  async #loadNow(asked: readonly StreamPosition[]): Promise<void> {
    const position = this.position;
    const cold = asked.filter(({ stream }) => !this.#streams.has(stream)).map(({ stream }) => stream);
    const states = await this.#reader.states(cold);
    const ranges = asked.map(({ stream, after }): SeqRange => {
      const tail = this.#streams.get(stream);
      const { seq } = tail?.head ?? states.get(stream)?.head ?? EMPTY.head;
      const from = Math.max(Math.min(after, seq - LOADED_AT_LEAST), seq - LOADED_PER_STREAM, 0);
      return { stream, after: from, upTo: tail?.completeAfter ?? seq };
    });
    const events = await this.#reader.ranges(ranges, position);
    for (const { stream, after } of ranges) {
      const read = events.get(stream) ?? [];
      const tail =
        this.#streams.get(stream) ?? this.#newTail(states.get(stream), { read, position, cold: cold.includes(stream) });
      if (!tail) continue;
      this.#bytes -= this.#streams.has(stream) ? tail.bytes : 0;
      tail.prepend(read, after);
      this.#bytes += tail.bytes;
      this.#touch(stream, tail);
    }
    this.#evict();
  }

  /** Undefined if what was read may no longer reach the stream's head. */
  #newTail(
    state: StreamState = EMPTY,
    at: { read: readonly StoredEvent[]; position: number; cold: boolean },
  ): StreamTail | undefined {
    // It left memory meanwhile, and newer events are not among those that were read.
    if (!at.cold || this.evictedUpTo > at.position) return undefined;
    const head = state.head.pos <= at.position ? state.head : at.read.at(-1);
    return head && new StreamTail({ seq: head.seq, pos: head.pos });
  }

  /** Drops every text of a person: it is read anew, and is then hidden or shown as it should be. Texts that quote them are never kept. */
  #forgetAuthor({ data, pos }: LoggedEvent): void {
    const { uid } = JSON.parse(data) as PushData[7 | 116];
    this.hiding.note(uid, pos);
    for (const stream of this.#streams.values()) {
      this.#bytes -= stream.bytes;
      stream.forgetAuthor(uid);
      this.#bytes += stream.bytes;
    }
  }

  #touch(name: string, stream: StreamTail): void {
    this.#streams.delete(name);
    this.#streams.set(name, stream);
  }

  #evict(): void {
    while (this.#bytes > this.#maxBytes && this.#streams.size > 1) {
      const [name, stream] = this.#streams.entries().next().value as [string, StreamTail];
      this.#streams.delete(name);
      this.#bytes -= stream.bytes;
      stream.forgetAll();
      this.evictedUpTo = Math.max(this.evictedUpTo, stream.head.pos);
    }
  }
}

/** An event that names a message other than by being its MESSAGE event changes it: a recall, a mark, an update. */
function changesEarlier(event: LoggedEvent): event is LoggedEvent & { messageId: number } {
  return event.messageId !== null && event.messageId !== event.pos;
}
