import type { LoggedEvent } from "../db/transaction.ts";
import { after } from "../lib/interval.ts";
import type { LogReader, StoredEvent } from "./log-reader.ts";

/** An event whose row only names what it is about: a message, a notification, or one of the product's own events. */
export type NamingEvent = Pick<StoredEvent, "stream" | "type"> & { readonly messageId: number };

/** The `data` of such an event, built from the present state of what it is about. */
export interface EventData {
  readonly text: string;
  /** The person who wrote the message that it shows; null if it shows none. */
  readonly author: number | null;
  /** Other messages that it shows: when one of them changes, so does this text. */
  readonly quotes: readonly number[];
  /** True: it changes without an event that says so, for example when it expires, so no memory may keep it. */
  readonly isPassing?: boolean;
  /** The authors of these messages, which are hidden while their authors are banned. Absent: it shows no other message. */
  readonly quotedAuthors?: readonly number[];
}

/** Builds the data of many events, by `dataKey`; events that show something that is gone are left out. */
export type EventDataOf = (events: readonly NamingEvent[]) => Promise<Map<string, EventData>>;

/** What an event of a stream shows of what it is about. The same thing may look different in different people's own streams. */
export function dataKey({ stream, messageId }: Pick<StoredEvent, "stream" | "messageId">): string {
  return `${messageId} ${stream}`;
}

/** Handed each event once, in the order of position. Must not throw and must not wait. */
export type Listener = (event: LoggedEvent) => void;

interface AnnouncerParts {
  readonly reader: LogReader;
  readonly eventDataOf: EventDataOf;
  /** Called with the new position when the events up to it are no longer in the log. */
  readonly skipped?: (position: number) => void;
}

/** The number of events that one read brings while catching up. */
const CATCH_UP = 500;
/** Committed events that were not announced within this time are read from the log. */
const HINT_MS = 50;

/**
 * Hands the log's events to this node's listener: each once, in order, without a gap. Events that were committed here arrive by
 * `announce`; `catchUpWithLog` finds those that another process wrote. Either way a jump is filled from the log first, so a
 * lost hint costs time and never an event.
 */
export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #listener: Listener;
  #position: number;
  #catchingUp: Promise<void> | undefined;
  #target = 0;
  #waiting: { readonly position: number; readonly resolve: () => void }[] = [];

  /** @param position where the announcing begins: everything up to it counts as handed on */
  constructor(parts: AnnouncerParts & { position: number }, listener: Listener) {
    this.#parts = parts;
    this.#position = parts.position;
    this.#listener = listener;
  }

  /** Everything up to here has been handed on. */
  get position(): number {
    return this.#position;
  }

  /** After a commit on this node. Waits only if events before these are still unknown here. */
  announce(events: readonly LoggedEvent[]): void | Promise<void> {
    const first = events[0];
    const last = events.at(-1);
    if (!first || !last) return;
    if (this.#catchingUp || first.pos !== this.#position + 1) return this.announceUpTo(last.pos);
    for (const event of events) this.#deliver(event);
  }

  /** Looks at the log's end and hands on what is new; called now and then, since other processes write too. */
  async catchUpWithLog(): Promise<void> {
    await this.announceUpTo(await this.#parts.reader.end());
  }

  /**
   * Resolves when everything up to a committed position has been handed on. Events that were committed here are on their way;
   * those that have not come after `HINT_MS` are read from the log.
   */
  async whenAnnounced(position: number): Promise<void> {
    if (position <= this.#position) return;
    await new Promise<void>((resolve) => {
      const stop = after(HINT_MS, resolve);
      this.#waiting.push({
        position,
        resolve: () => {
          stop();
          resolve();
        },
      });
    });
    await this.announceUpTo(position);
  }

  /** Resolves when everything up to `position` has been handed on; a position beyond the log's end counts as its end. */
  async announceUpTo(position: number): Promise<void> {
    if (position <= this.#position) return;
    this.#target = Math.max(this.#target, position);
    this.#catchingUp ??= this.#catchUp();
    await this.#catchingUp;
  }

  async #catchUp(): Promise<void> {
    try {
      while (this.#position < this.#target) {
        // The end is read before the events: what was committed by then and is not among them has been removed since.
        const end = await this.#parts.reader.end();
        const stored = await this.#parts.reader.all(this.#position, CATCH_UP);
        if (stored.length === 0 && end <= this.#position) return;
        if (stored.length === 0) this.#skipTo(end);
        for (const event of await this.#filled(stored)) this.#deliver(event);
      }
    } finally {
      // In the turn in which the loop ends, so that nobody waits for a loop that looks no further.
      this.#catchingUp = undefined;
    }
  }

  async #filled(stored: readonly StoredEvent[]): Promise<LoggedEvent[]> {
    const naming = stored.filter(isNaming);
    const texts = naming.length > 0 ? await this.#parts.eventDataOf(naming) : new Map<string, EventData>();
    return stored.map((event) => ({
      ...event,
      data: event.data ?? texts.get(dataKey(event))?.text ?? "null",
      author: event.data === null ? (texts.get(dataKey(event))?.author ?? null) : null,
      storesData: event.data !== null,
      // A text that was built here may show other messages.
      cacheable: event.data !== null,
    }));
  }

  #skipTo(position: number): void {
    if (position <= this.#position) return;
    this.#position = position;
    this.#parts.skipped?.(position);
    this.#wake();
  }

  #deliver(event: LoggedEvent): void {
    if (event.pos <= this.#position) return;
    this.#position = event.pos;
    this.#listener(event);
    if (this.#waiting.length > 0) this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ position }) => position > this.#position);
    for (const { position, resolve } of waiting) if (position <= this.#position) resolve();
  }
}

/** Whether its `data` has to be built. */
export function isNaming(event: StoredEvent): event is StoredEvent & NamingEvent {
  return event.data === null && event.messageId !== null;
}
