import { type Cursor, encodePush, floorCursor, Push, type ResyncWhy } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import type { LogReader, StoredEvent } from "../event-log/log-reader.ts";
import { INTERNAL_STREAM, Internal } from "../identity/internal-events.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import { toldName } from "../webhooks/told-events.ts";
import { type ToldParts, toldFrames } from "../webhooks/told-frames.ts";
import { HangingFeeds } from "./hanging-feeds.ts";

export interface FeedParts extends ToldParts {
  readonly reader: LogReader;
  readonly epoch: string;
  /** Resolves when this node has announced up to a committed position. */
  readonly whenAnnounced: (position: number) => Promise<void>;
  /** See `OutboxParts`. */
  readonly assertHolds: () => void;
}

export interface FeedPage {
  /** JSON text of each frame. */
  readonly frames: readonly string[];
  /** Everything up to here is in this page or was in one before it. */
  readonly cursor: string;
  readonly more: boolean;
  /** The position of `cursor`. */
  readonly at: number;
}

/** Events of the log that one look reads, and looks for one page: events that are not in the feed cost time too. */
const LOOK = 500;
const LOOKS = 10;
/** Frames that are built at once, before it is known whether they fit. */
const BUILT_AT_ONCE = 50;

/** What a reader of the feed finds at a position of the log: an event, or the end of a gap of removed ones. */
type Item = { readonly pos: number; readonly event?: StoredEvent };

/**
 * The log as the product reads it: one cursor for all streams, which is the position up to which it has everything. So a cursor stays valid
 * for as long as the log reaches back, and a page costs the same for any number of rooms.
 */
export class Feed {
  readonly hanging = new HangingFeeds();
  readonly #parts: FeedParts;
  /** The position of the newest event in the feed that was announced since the start. */
  #newest = 0;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** To be called for every announced event. The waiting request of a revoked key is answered with that. */
  onEvent(event: LoggedEvent): void {
    if (toldName(event)) this.#newest = event.pos;
    else if (event.stream !== INTERNAL_STREAM || event.type !== Internal.KEYS_CHANGED) return;
    if (this.hanging.size > 0) this.hanging.wakeAll();
  }

  /** An empty page, from which the product continues. */
  now(): FeedPage {
    return this.pageAt(this.#parts.tail.position);
  }

  pageAt(place: number): FeedPage {
    return this.#page([], place, false);
  }

  /** Whether there are events after this place, in the feed or not. */
  isBehind(place: number): boolean {
    return place < this.#parts.tail.position;
  }

  /** Waits for an event of the feed, unless one has come after this place. */
  async wait(by: string, place: number, until: { ms: number; signal: AbortSignal }): Promise<void> {
    if (this.#newest <= place) await this.hanging.hang(by, until);
  }

  /**
   * Where a cursor puts its reader, or the page that tells them to read the state over HTTP instead.
   * @throws ProblemError `cursor_malformed` for one that names streams
   */
  async placeOf({ epoch, floor, streams }: Cursor): Promise<number | FeedPage> {
    if (floor === undefined || streams.size > 0) {
      throw new ProblemError(
        "cursor_malformed",
        "The cursor is malformed: the feed has cursors with one entry, *@<number>",
      );
    }
    if (epoch !== this.#parts.epoch) return this.#resync("epoch");
    if (floor <= this.#parts.tail.position) return floor;
    if (floor > (await this.#parts.reader.end())) return this.#resync("ahead");
    await this.#parts.whenAnnounced(floor);
    return floor;
  }

  /**
   * The feed after a place, up to `limit` events or as much as fits in a reply.
   * @throws StorageFault, as all that make a page do, if the log has become another one
   */
  async read(place: number, limit: number): Promise<FeedPage> {
    const frames: string[] = [];
    let length: number = SIZES.pollReply.count;
    let at = place;
    for (let looks = 0; looks < LOOKS && this.isBehind(at); looks++) {
      const { items, upTo } = await this.#look(at);
      for (let from = 0; from < items.length; from += BUILT_AT_ONCE) {
        const some = items.slice(from, from + BUILT_AT_ONCE);
        const texts = await this.#textsOf(some);
        for (const [index, { pos }] of some.entries()) {
          const text = texts[index];
          if (text === undefined) continue;
          if (frames.length >= limit || length <= 0) return this.#page(frames, at, true);
          frames.push(text);
          length -= text.length;
          at = pos;
        }
      }
      at = upTo;
    }
    return this.#page(frames, at, this.isBehind(at));
  }

  /** The next events of the feed, and gaps where events of the feed may have been removed. */
  async #look(after: number): Promise<{ items: Item[]; upTo: number }> {
    const { reader, tail } = this.#parts;
    const { position } = tail;
    const read = (await reader.all(after, LOOK)).filter(({ pos }) => pos <= position);
    const upTo = read.length === LOOK ? (read.at(-1) as StoredEvent).pos : position;
    const items: Item[] = [];
    // Positions have no gaps, so if one is missing its event has left the log. The reader is told only the last such place of a look.
    let goneUpTo = 0;
    let last = after;
    for (const event of read) {
      if (event.pos > last + 1) goneUpTo = event.pos - 1;
      last = event.pos;
      if (toldName(event)) items.push({ pos: event.pos, event });
    }
    if (last < upTo) goneUpTo = upTo;
    if (goneUpTo > 0) items.push({ pos: goneUpTo });
    return { items: items.sort((one, other) => one.pos - other.pos), upTo };
  }

  async #textsOf(items: readonly Item[]): Promise<(string | undefined)[]> {
    const told = await toldFrames(
      this.#parts,
      items.flatMap(({ event }) => (event ? [event] : [])),
    );
    const texts = new Map(told.map(({ event, text }) => [event.pos, text]));
    return items.map(({ event, pos }) => (event ? texts.get(pos) : this.#resyncFrame("trimmed", pos)));
  }

  #resync(why: ResyncWhy): FeedPage {
    const { position } = this.#parts.tail;
    return this.#page([this.#resyncFrame(why, position)], position, false);
  }

  #resyncFrame(why: ResyncWhy, pos: number): string {
    const data = { stream: "*", cursor: floorCursor(this.#parts.epoch, pos), why };
    return `{"event":"RESYNC",${encodePush(Push.RESYNC, data).slice(1)}`;
  }

  #page(frames: readonly string[], at: number, more: boolean): FeedPage {
    this.#parts.assertHolds();
    return { frames, cursor: floorCursor(this.#parts.epoch, at), more, at };
  }
}
