import type { MessageData, MessageDataOf } from "./announce.ts";
import type { StoredEvent } from "./log-reader.ts";
import type { Tail } from "./tail.ts";

/** Where the texts of messages come from: from memory, or built anew by `messageDataOf`. */
export interface TextParts {
  readonly tail: Tail;
  readonly messageDataOf: MessageDataOf;
}

interface Read {
  /** Undefined: there is no such message. */
  readonly data: MessageData | undefined;
  /** The node's position before it was read. */
  readonly at: number;
}

/**
 * The texts that some events show, each built from its message as it is now. A message that changes while others are read is read
 * again, and no other one: so a recall somewhere costs only those who show that message.
 */
export class CurrentTexts {
  readonly #parts: TextParts;
  readonly #read = new Map<number, Read>();

  constructor(parts: TextParts) {
    this.#parts = parts;
  }

  /** Messages whose text is not known, or has changed since; an empty list stays true for this turn of the loop. */
  missing(events: readonly StoredEvent[]): number[] {
    const { changes } = this.#parts.tail;
    return events.flatMap(({ data, messageId }) => {
      if (data !== null || messageId === null) return [];
      const read = this.#read.get(messageId);
      const shown = [messageId, ...(read?.data?.quotes ?? [])];
      const isCurrent = read && !shown.some((id) => changes.changedSince(id, read.at));
      return isCurrent ? [] : [messageId];
    });
  }

  async read(messageIds: readonly number[]): Promise<void> {
    const at = this.#parts.tail.position;
    const found = await this.#parts.messageDataOf(messageIds);
    for (const id of messageIds) this.#read.set(id, { data: found.get(id), at });
  }

  /** JSON text of an event's `data`; undefined where its message is gone. */
  of({ data, messageId }: StoredEvent): string | undefined {
    return data ?? this.#read.get(messageId as number)?.data?.text;
  }

  /** Keeps what was read for the next readers. Called last, since it drops other texts where memory is full. */
  share(events: readonly StoredEvent[]): void {
    if (this.#read.size === 0) return;
    this.#parts.tail.remember(events, ({ data, messageId }) => {
      const read = data === null && messageId !== null ? this.#read.get(messageId)?.data : undefined;
      return read?.quotes.length === 0 ? read : undefined;
    });
  }
}
