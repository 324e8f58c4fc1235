import type { Place, StoredEvent } from "./log-reader.ts";

/** An event in memory. `data` is dropped when the message that it shows changes, and is never kept if it shows other messages too. */
export interface TailEntry extends StoredEvent {
  data: string | null;
  /** The person who wrote the message that `data` shows; null where it shows none, and while that is not known. */
  author: number | null;
  /** Whether `data` is in the log's row, and so never changes. */
  readonly storesData: boolean;
}

/** Rough size in bytes of an entry without its text, and of a stream without entries. */
const ENTRY_BYTES = 160;
const STREAM_BYTES = 240;

/** Text that was built from a message is built anew; text from the log stays. */
function forget(entry: TailEntry): void {
  if (!entry.storesData) entry.data = null;
}

function entryBytes(entry: StoredEvent): number {
  return ENTRY_BYTES + (entry.data?.length ?? 0);
}

/** The newest events of one stream, without gaps up to its head. */
export class StreamTail {
  bytes = STREAM_BYTES;
  /** Events after this seq were looked for in the log: those that are not here are not there either, or were dropped since. */
  searchedAfter: number;
  #entries: TailEntry[] = [];
  #head: Place;

  /** @param head the newest event so far; entries follow */
  constructor(head: Place) {
    this.#head = head;
    this.searchedAfter = head.seq;
  }

  /** The newest event. */
  get head(): Place {
    return this.#head;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Events after this seq are all here. */
  get completeAfter(): number {
    return this.#head.seq - this.length;
  }

  push(entry: TailEntry): void {
    this.#head = { seq: entry.seq, pos: entry.pos };
    this.#entries.push(entry);
    this.bytes += entryBytes(entry);
  }

  /**
   * Puts older events in front, as far as they join what is here.
   * @param after the seq after which they were looked for
   */
  prepend(events: readonly StoredEvent[], after: number): void {
    const older = events
      .filter((event) => event.seq <= this.completeAfter)
      .map((event): TailEntry => ({ ...event, author: null, storesData: event.data !== null }));
    if (older.length > 0 && older.at(-1)?.seq !== this.completeAfter) return;
    this.searchedAfter = Math.min(this.searchedAfter, after);
    this.#entries = [...older, ...this.#entries];
    for (const entry of older) this.bytes += entryBytes(entry);
  }

  dropOldest(): void {
    const entry = this.#entries.shift() as TailEntry;
    this.bytes -= entryBytes(entry);
    forget(entry);
  }

  /** Up to `limit` events after a seq; undefined when not all of them are here. */
  after(seq: number, limit: number): TailEntry[] | undefined {
    if (seq < this.completeAfter) return undefined;
    const from = seq - this.completeAfter;
    return this.#entries.slice(from, from + limit);
  }

  /** The highest seq whose position is at most `pos`; undefined when that lies before what is here. */
  seqAt(pos: number): number | undefined {
    if (pos >= this.#head.pos) return this.#head.seq;
    // From the newest on, because readers rarely ask about events that they have had for long.
    const found = this.#entries.findLast((entry) => entry.pos <= pos);
    return found?.seq ?? (this.completeAfter === 0 ? 0 : undefined);
  }

  /** Keeps the text of an event whose message was read; nothing if it has one, or is not here any more. */
  remember(seq: number, { text, author }: { text: string; author: number | null }): void {
    const entry = this.#entries[seq - this.completeAfter - 1];
    if (!entry || entry.data !== null) return;
    entry.data = text;
    entry.author = author;
    this.bytes += text.length;
  }

  /** Called before it leaves memory: readers hold entries that they have not sent, and from then on no recall finds those. */
  forgetAll(): void {
    for (const entry of this.#entries) forget(entry);
  }

  /** Drops every text that was built from a message of this person. */
  forgetAuthor(uid: number): void {
    for (const entry of this.#entries) {
      if (entry.author !== uid || entry.storesData || entry.data === null) continue;
      this.bytes -= entry.data.length;
      entry.data = null;
    }
  }

  /** Drops every text that was built from a message: of its MESSAGE event, and of later ones that show it. */
  forgetMessage(messageId: number): void {
    for (const entry of this.#entries) {
      if (entry.messageId !== messageId || entry.storesData || entry.data === null) continue;
      this.bytes -= entry.data.length;
      entry.data = null;
    }
  }
}
