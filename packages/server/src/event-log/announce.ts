import type { LoggedEvent } from "../db/transaction.ts";
import { after } from "../lib/interval.ts";
import type { LogReader, StoredEvent } from "./log-reader.ts";

/** The `data` of an event whose row names a message only, built from the message as it is now. */
export interface MessageData {
  readonly text: string;
  /** Its sender. */
  readonly author: number;
  /** Other messages that it shows: when one of them changes, so does this text. */
  readonly quotes: readonly number[];
}

/** Builds the data of many messages; unknown ones are left out. */
export type MessageDataOf = (messageIds: readonly number[]) => Promise<Map<number, MessageData>>;

/** Handed each event once, in the order of position. Must not throw and must not wait. */
export type Listener = (event: LoggedEvent) => void;

interface AnnouncerParts {
  readonly reader: LogReader;
  readonly messageDataOf: MessageDataOf;
  /** Told the new position when the events up to it are no longer in the log. */
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
      // In the turn in which the loop ends, so that nobody waits for one that looks no further.
      this.#catchingUp = undefined;
    }
  }

  async #filled(stored: readonly StoredEvent[]): Promise<LoggedEvent[]> {
    const ids = stored.filter((event) => event.data === null).map((event) => event.messageId as number);
    const texts = ids.length > 0 ? await this.#parts.messageDataOf(ids) : new Map<number, MessageData>();
    return stored.map((event) => ({
      ...event,
      data: event.data ?? texts.get(event.messageId as number)?.text ?? "null",
      author: event.data === null ? (texts.get(event.messageId as number)?.author ?? null) : null,
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
