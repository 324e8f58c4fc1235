import type { LoggedEvent } from "../db/transaction.ts";
import type { Head, LogReader, StoredEvent } from "./log-reader.ts";
import { StreamTail, type TailEntry } from "./stream-tail.ts";

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
    const stream = known ?? new StreamTail({ seq: event.seq - 1, pos: 0 });
    if (known) this.#bytes -= known.bytes;
    if (changesEarlier(event)) this.#changed(stream, event.messageId, event.pos);
    stream.push({ ...event });
    if (stream.length > ENTRIES_PER_STREAM) stream.dropOldest();
    this.#bytes += stream.bytes;
    this.#touch(event.stream, stream);
    this.#evict();
  }

  /** True when the message was changed by an event after `position`, or that cannot be ruled out. */
  changedSince(messageId: number, position: number): boolean {
    return position < this.#changesSince || (this.#changes.get(messageId) ?? 0) > position;
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
   * The highest seq of a stream whose position is at most `pos`, at least `headSeq - depth`: what lies further back is
   * not told apart.
   */
  async seqAt(stream: string, pos: number, depth: number): Promise<number> {
    await this.#reachBack(stream, 0);
    const tail = this.#streams.get(stream);
    if (!tail) return 0;
    const known = tail.seqAt(pos);
    if (known !== undefined) return known;
    const least = Math.max(0, tail.headSeq - depth);
    return (await this.#reader.seqAt(stream, pos, least)) ?? least;
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
    const entries: TailEntry[] = await this.#reader.newest(stream, this.position, FIRST_LOAD);
    // What was announced meanwhile is here already, and newer than what was read.
    const known = this.#streams.get(stream);
    const newest = entries.at(-1);
    const tail = known ?? new StreamTail({ seq: newest?.seq ?? 0, pos: newest?.pos ?? 0 });
    if (known) this.#bytes -= known.bytes;
    tail.prepend(entries);
    tail.deep = true;
    this.#bytes += tail.bytes;
    this.#touch(stream, tail);
    this.#evict();
  }

  #changed(stream: StreamTail, messageId: number, pos: number): void {
    stream.forgetData(messageId);
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
      this.#evictedUpTo = Math.max(this.#evictedUpTo, stream.headPos);
    }
  }
}

/** An event that names a message other than by being its MESSAGE event changes it: a recall, a mark, an update. */
function changesEarlier(event: LoggedEvent): event is LoggedEvent & { messageId: number } {
  return event.messageId !== null && event.messageId !== event.pos;
}
