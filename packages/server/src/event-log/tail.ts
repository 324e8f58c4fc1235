import { Push } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import { type Head, type Kept, type LogReader, type StoredEvent, WHOLE } from "./log-reader.ts";
import { StreamTail } from "./stream-tail.ts";

/** Events kept of one stream: a reader further behind than this is served from the log, or told to reload. */
const ENTRIES_PER_STREAM = 1000;
/** Read at once when a stream that is not in memory is asked for. */
const FIRST_LOAD = 200;
/** Messages whose change is remembered, to catch a reader that read the old text and has not sent it yet. */
const CHANGES_KEPT = 4096;

/**
 * The recent events of the streams that are in use on this node, bounded in bytes over all; what is not here is read
 * from the log, once for however many readers wait for it. Never ahead of `position`: what has not been announced on
 * this node does not exist for its readers.
 */
export class Tail {
  /** Everything up to here has been announced on this node. */
  position: number;
  readonly #reader: LogReader;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #streams = new Map<string, StreamTail>();
  readonly #loading = new Map<string, Promise<void>>();
  /** Message id -> position of its last change. */
  readonly #changes = new Map<number, number>();
  /** Changes at or before this position may have been forgotten. */
  #changesSince: number;
  #recalledAt = 0;
  #bytes = 0;
  #evictedUpTo: number;

  constructor(reader: LogReader, start: { position: number; maxBytes: number }) {
    this.#reader = reader;
    this.position = start.position;
    this.#changesSince = start.position;
    this.#evictedUpTo = start.position;
    this.#maxBytes = start.maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A stream that is not in memory has had no event after this position. */
  get evictedUpTo(): number {
    return this.#evictedUpTo;
  }

  /** Called for each event, in the order of position. */
  append(event: LoggedEvent): void {
    this.position = event.pos;
    const known = this.#streams.get(event.stream);
    // A node that was far behind may find that events between are gone from the log: what it has does not join.
    const stream = known?.headSeq === event.seq - 1 ? known : new StreamTail({ seq: event.seq - 1, pos: 0 });
    if (known) this.#bytes -= known.bytes;
    if (known !== stream) known?.forgetAll();
    if (changesEarlier(event)) this.#changed(stream, event.messageId, event.pos);
    if (event.type === Push.RECALL) this.#recalledAt = event.pos;
    const { fleeting = false, ...entry } = event;
    stream.push(fleeting ? { ...entry, data: null } : entry);
    if (stream.length > ENTRIES_PER_STREAM) stream.dropOldest();
    this.#bytes += stream.bytes;
    this.#touch(event.stream, stream);
    this.#evict();
  }

  /** Nothing of what lies between is in the log any more. */
  skipTo(position: number): void {
    this.position = Math.max(this.position, position);
  }

  /** True when the message was changed by an event after `position`, or that cannot be ruled out. */
  changedSince(messageId: number, position: number): boolean {
    return position < this.#changesSince || (this.#changes.get(messageId) ?? 0) > position;
  }

  /** True when any message was recalled after `position`: its text may stand in what was read of others that quote it. */
  recalledSince(position: number): boolean {
    return this.#recalledAt > position;
  }

  /** Heads of streams as announced, many at once; streams without events are `{seq: 0, pos: 0}`. */
  async heads(streams: readonly string[]): Promise<Map<string, Head>> {
    const heads = new Map<string, Head>();
    const cold = streams.filter((stream) => !this.#streams.has(stream));
    const position = this.position;
    const stored = cold.length > 0 ? await this.#reader.heads(cold) : new Map<string, Head>();
    for (const stream of streams) {
      const warm = this.head(stream);
      const head = warm ?? stored.get(stream) ?? { seq: 0, pos: 0 };
      if (!warm && head.pos > position) {
        // Committed but not announced yet: the head as announced is among its newest events.
        await this.load(stream);
        heads.set(stream, this.head(stream) ?? head);
      } else heads.set(stream, head);
    }
    return heads;
  }

  /** Head of a stream that is in memory. */
  head(stream: string): Head | undefined {
    const tail = this.#streams.get(stream);
    return tail && { seq: tail.headSeq, pos: tail.headPos };
  }

  /** Up to `limit` events after a seq, from memory or from the log. */
  async read(stream: string, after: number, limit: number): Promise<StoredEvent[]> {
    await this.#reachBack(stream, after);
    return this.peek(stream, after, limit) ?? this.#reader.stream(stream, { after, upTo: this.position, limit });
  }

  /** The same from memory only; undefined when not all of them are there. */
  peek(stream: string, after: number, limit: number): StoredEvent[] | undefined {
    return this.#streams.get(stream)?.after(after, limit);
  }

  /**
   * Keeps the texts of these events, so that the next reader finds them. They must be those of messages as they are at
   * `position`, and show no other message. Drops older texts at once where memory is full.
   */
  remember(events: readonly StoredEvent[], textOf: (event: StoredEvent) => string | undefined): void {
    for (const event of events) {
      const stream = this.#streams.get(event.stream);
      const text = textOf(event);
      if (!stream || text === undefined) continue;
      this.#bytes -= stream.bytes;
      stream.remember(event.seq, text);
      this.#bytes += stream.bytes;
    }
    this.#evict();
  }

  /** Where the log of each stream begins. Memory may hold older events for a while. */
  async kept(streams: readonly string[]): Promise<Map<string, Kept>> {
    return streams.length > 0 ? this.#reader.kept(streams) : new Map();
  }

  /**
   * The highest seq of a stream whose position is at most `pos`, at least `above`: what lies further back, or is gone, is
   * not told apart. It must not lie behind `upTo`.
   */
  async seqAt(stream: string, pos: number, range: { above: number; upTo: number }): Promise<number> {
    await this.#reachBack(stream, 0);
    const known = this.#streams.get(stream)?.seqAt(pos);
    return known ?? (await this.#reader.seqAt(stream, pos, range)) ?? range.above;
  }

  /** Makes events after a seq be in memory if they are among the newest ones. */
  #reachBack(stream: string, after: number): Promise<void> | undefined {
    const tail = this.#streams.get(stream);
    return tail && (tail.deep || tail.completeAfter <= after) ? undefined : this.load(stream);
  }

  /** Brings a stream's newest events into memory; the second caller waits for the first one's query. */
  load(stream: string): Promise<void> {
    const running = this.#loading.get(stream);
    if (running) return running;
    const loading = this.#load(stream).finally(() => this.#loading.delete(stream));
    this.#loading.set(stream, loading);
    return loading;
  }

  async #load(stream: string): Promise<void> {
    const position = this.position;
    const events = await this.#reader.newest(stream, position, FIRST_LOAD);
    const head = events.at(-1) ?? (await this.#headOfTrimmed(stream));
    // What was announced meanwhile is here already, and newer than what was read; unless it is gone again.
    const known = this.#streams.get(stream);
    if (!known && this.#evictedUpTo > position) return this.#load(stream);
    const tail = known ?? new StreamTail(head);
    if (known) this.#bytes -= known.bytes;
    tail.prepend(events);
    tail.deep = true;
    this.#bytes += tail.bytes;
    this.#touch(stream, tail);
    this.#evict();
  }

  /** Of a stream that has no event up to here: it had none, or they were removed. */
  async #headOfTrimmed(stream: string): Promise<Head> {
    const { firstSeq, trimmedPos } = (await this.#reader.kept([stream])).get(stream) ?? WHOLE;
    return { seq: firstSeq - 1, pos: trimmedPos };
  }

  #changed(stream: StreamTail, messageId: number, pos: number): void {
    stream.forgetMessage(messageId);
    this.#changes.delete(messageId);
    this.#changes.set(messageId, pos);
    if (this.#changes.size <= CHANGES_KEPT) return;
    const [oldest, at] = this.#changes.entries().next().value as [number, number];
    this.#changes.delete(oldest);
    this.#changesSince = at;
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
      this.#evictedUpTo = Math.max(this.#evictedUpTo, stream.headPos);
    }
  }
}

/** An event that names a message other than by being its MESSAGE event changes it: a recall, a mark, an update. */
function changesEarlier(event: LoggedEvent): event is LoggedEvent & { messageId: number } {
  return event.messageId !== null && event.messageId !== event.pos;
}
