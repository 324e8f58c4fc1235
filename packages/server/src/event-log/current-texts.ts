import { dataKey, type EventData, type EventDataOf, isNaming, type NamingEvent } from "./announce.ts";
import type { StoredEvent } from "./log-reader.ts";
import type { Tail } from "./tail.ts";

/** Gets texts that are not in the log's rows: from memory, or built anew by `eventDataOf`. */
export interface TextParts {
  readonly tail: Tail;
  readonly eventDataOf: EventDataOf;
}

interface Read {
  /** Undefined: what it shows is gone. */
  readonly data: EventData | undefined;
  /** The node's position before it was read. */
  readonly at: number;
}

/**
 * The texts that some events show, each built from the present state of its message, or of whatever else it is about. If a message changes
 * while others are read, only that one is read again, so a recall or a ban costs only readers of that message, or of that person's
 * messages.
 */
export class CurrentTexts {
  readonly #parts: TextParts;
  /** By `dataKey`. */
  readonly #read = new Map<string, Read>();

  constructor(parts: TextParts) {
    this.#parts = parts;
  }

  /** Events whose text is not known, or has changed since; an empty list stays true for this turn of the loop. */
  missing(events: readonly StoredEvent[]): NamingEvent[] {
    const { changes, hiding } = this.#parts.tail;
    return events.filter(isNaming).filter((event) => {
      const read = this.#read.get(dataKey(event));
      if (!read) return true;
      const { quotes = [], author = null, quotedAuthors = [] } = read.data ?? {};
      const authors = author === null ? quotedAuthors : [author, ...quotedAuthors];
      return (
        [event.messageId, ...quotes].some((id) => changes.changedSince(id, read.at)) ||
        authors.some((uid) => hiding.changedSince(uid, read.at))
      );
    });
  }

  async read(events: readonly NamingEvent[]): Promise<void> {
    const at = this.#parts.tail.position;
    const found = await this.#parts.eventDataOf(events);
    for (const event of events) this.#read.set(dataKey(event), { data: found.get(dataKey(event)), at });
  }

  /** JSON text of an event's `data`; undefined if what it shows is gone. */
  of(event: StoredEvent): string | undefined {
    return event.data ?? this.#read.get(dataKey(event))?.data?.text;
  }

  /** Keeps the texts for the next readers. Called last, because it drops other texts if memory is full. */
  share(events: readonly StoredEvent[]): void {
    if (this.#read.size === 0) return;
    this.#parts.tail.remember(events, (event) => {
      const read = isNaming(event) ? this.#read.get(dataKey(event))?.data : undefined;
      return read?.quotes.length === 0 && !read.isPassing ? read : undefined;
    });
  }
}
