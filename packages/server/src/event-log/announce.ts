import { StorageFault } from "../db/storage-fault.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { after } from "../lib/interval.ts";
import { HeldBatches } from "./held-batches.ts";
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
  /**
   * Whether batches of other nodes are on their way to this one, events included: then a batch that comes before its turn waits for those
   * before it, and the log is read only if they do not come. Without it, the log is read at once.
   */
  readonly othersTell?: () => boolean;
  /**
   * Whether anybody reads a stream on this node now. Of the others, events that are read from the log are handed on without the text of what
   * they name, since nobody would see it: their `data` is `null`. Without it, all streams count as read.
   */
  readonly isRead?: (stream: string) => boolean;
  /**
   * Asked before the log is read for what others wrote; resolves when it is known whether this node may hand that on. If it may not, `end` was called by
   * then. Without it, it may.
   */
  readonly mayHandOn?: () => boolean | Promise<boolean>;
}

/** The number of events that one read brings while catching up. */
const CATCH_UP = 500;
/** Committed events that were not announced within this time are read from the log, those of other nodes too. */
const HINT_MS = 50;

/**
 * Hands the log's events to this node's listener: each once, in order, without a gap. Events that were committed here arrive by
 * `announce`, and so do those of other nodes if the bus brings them (`other-nodes.ts`); `catchUpWithLog` finds the rest. Either way a jump is
 * filled first, by what is on its way or from the log, so a lost hint costs time and never an event.
 */
export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #listener: Listener;
  #position: number;
  #catchingUp: Promise<void> | undefined;
  #target = 0;
  /** Calls that asked for a target. */
  #asked = 0;
  readonly #held = new HeldBatches();
  #waiting: { readonly position: number; readonly resolve: () => void }[] = [];
  #hasEnded = false;

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

  /**
   * To be called when what this node knows of the log does not hold any more. From then on it hands on nothing, whoever asks for it, and nothing that
   * was read of the log may be shown.
   */
  end(): void {
    this.#hasEnded = true;
  }

  /** To be called before anything that was read of the log is shown, in the same turn of the loop. @throws StorageFault after `end` */
  assertHolds(): void {
    if (this.#hasEnded) throw new StorageFault("Its log is not the one any more that this server hands on.");
  }

  /**
   * After a commit on this node or on another one. Waits only if events before these are still unknown here.
   * @param events one batch, in the order of position and without a hole
   */
  announce(events: readonly LoggedEvent[]): void | Promise<void> {
    const first = events[0];
    const last = events.at(-1);
    if (!first || !last || last.pos <= this.#position) return;
    if (!this.#catchingUp && first.pos <= this.#position + 1) return this.#deliverAll(events);
    if (this.#parts.othersTell?.() && this.#held.add(events)) return this.#announced(last.pos);
    return this.announceUpTo(last.pos);
  }

  /** Looks at the log's end and hands on what is new; called now and then, since other processes write too. */
  async catchUpWithLog(): Promise<void> {
    await this.announceUpTo(await this.#parts.reader.end());
  }

  /**
   * Resolves when everything up to a committed position has been handed on. Events that were committed here are on their way;
   * those that have not come after `HINT_MS` are read from the log.
   * @throws StorageFault after `end`
   */
  async whenAnnounced(position: number): Promise<void> {
    await this.#announced(position);
    this.assertHolds();
  }

  async #announced(position: number): Promise<void> {
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

  /** Resolves when everything up to `position` has been handed on; a position beyond the log's end counts as its end. After `end` it does nothing. */
  async announceUpTo(position: number): Promise<void> {
    if (position <= this.#position) return;
    this.#target = Math.max(this.#target, position);
    this.#asked += 1;
    this.#catchingUp ??= this.#catchUp();
    await this.#catchingUp;
  }

  async #catchUp(): Promise<void> {
    try {
      while (!this.#hasEnded && this.#position < this.#target) {
        const may = this.#parts.mayHandOn?.() ?? true;
        if (may !== true) await may;
        const asked = this.#asked;
        // The end is read before the events: what was committed by then and is not among them has been removed since.
        const end = await this.#parts.reader.end();
        const stored = await this.#parts.reader.all(this.#position, CATCH_UP);
        if (stored.length === 0 && end <= this.#position) {
          // What somebody has asked for since then may have been committed since then.
          if (asked !== this.#asked) continue;
          this.#target = this.#position;
        } else if (stored.length === 0) this.#skipTo(end);
        for (let rest: readonly StoredEvent[] = stored; rest.length > 0; ) rest = await this.#deliverStored(rest);
      }
    } finally {
      // In the turn in which the loop ends, so that nobody waits for a loop that looks no further.
      this.#catchingUp = undefined;
      this.#deliverHeld();
    }
  }

  #deliverAll(events: readonly LoggedEvent[]): void {
    for (const event of events) this.#deliver(event);
    this.#deliverHeld();
  }

  #deliverHeld(): void {
    for (;;) {
      const batch = this.#held.takeAfter(this.#position);
      if (!batch) return;
      for (const event of batch) this.#deliver(event);
    }
  }

  /** @returns those that are left, since somebody began to read their stream while texts were being built */
  async #deliverStored(stored: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    const { eventDataOf, isRead = () => true } = this.#parts;
    const naming = stored.filter(isNaming).filter(({ stream }) => isRead(stream));
    const built = new Set(naming.map(({ stream }) => stream));
    const texts = naming.length > 0 ? await eventDataOf(naming) : new Map<string, EventData>();
    for (const [index, event] of stored.entries()) {
      if (isNaming(event) && !built.has(event.stream) && isRead(event.stream)) return stored.slice(index);
      this.#deliver({
        ...event,
        data: event.data ?? texts.get(dataKey(event))?.text ?? "null",
        author: event.data === null ? (texts.get(dataKey(event))?.author ?? null) : null,
        storesData: event.data !== null,
        // A text that was built here may show other messages.
        cacheable: event.data !== null,
      });
    }
    return [];
  }

  #skipTo(position: number): void {
    if (this.#hasEnded || position <= this.#position) return;
    this.#position = position;
    this.#parts.skipped?.(position);
    this.#wake();
  }

  #deliver(event: LoggedEvent): void {
    if (this.#hasEnded || event.pos <= this.#position) return;
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
