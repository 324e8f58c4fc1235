import type { Outbox } from "../../event-log/outbox.ts";
import { SIZES } from "../../limits/sizes.ts";
import { type LocalSubscriber, type LocalTopics, type PublishedFrame, Subscriptions } from "../local-topics.ts";

/** The most frames in one reply. */
export const POLL_LIMIT_MAX = SIZES.pollEvents.count;
/** A reply gets no more frames once it has this many characters: it is built whole, and held until its client has it. */
export const REPLY_LENGTH_MAX = SIZES.pollReply.count;

/**
 * One login's view of the log between its polls: its outbox, and subscriptions that wake a waiting poll. While none waits, it costs only
 * memory; events are read from the tail when the next poll comes.
 */
export class PollReader implements LocalSubscriber {
  readonly outbox: Outbox;
  /** The cursor of the last reply; a poll that brings it continues with this reader. */
  lastCursor = "";
  /** Called at the next logged event, while a poll waits. */
  onEvent: (() => void) | undefined;
  readonly #subscriptions: Subscriptions;
  /** There may be events that were not read yet. */
  #mayHaveMore = true;

  constructor(outbox: Outbox, topics: LocalTopics) {
    this.outbox = outbox;
    this.#subscriptions = new Subscriptions(topics, this);
  }

  /** What it costs: the number of streams that it reads. */
  get weight(): number {
    return 1 + this.#subscriptions.size;
  }

  /** A logged event of one of its streams: a poll that waits looks again. */
  deliver(frame: PublishedFrame): void {
    if (!frame.event) return;
    this.#mayHaveMore = true;
    this.onEvent?.();
  }

  /** Up to `limit` frames that exist now, none after `most` characters, and RESYNCs in addition. */
  async take(limit: number, most: number = REPLY_LENGTH_MAX): Promise<string[]> {
    const frames: string[] = [];
    if (!this.#mayHaveMore) return frames;
    this.#subscribe();
    for (let length: number = most; frames.length < limit && length > 0; ) {
      this.#mayHaveMore = false;
      const next = await this.outbox.next(limit - frames.length, length);
      // The reader may have joined or left rooms meanwhile.
      this.#subscribe();
      if (next.length === 0 && !this.#mayHaveMore) return frames;
      frames.push(...next);
      for (const frame of next) length -= frame.length;
    }
    frames.push(...(await this.outbox.next(0)));
    if (this.outbox.isAhead) this.#mayHaveMore = true;
    return frames;
  }

  /** Whether there may be more than was taken. */
  get mayHaveMore(): boolean {
    return this.#mayHaveMore;
  }

  close(): void {
    this.#subscriptions.clear();
  }

  #subscribe(): void {
    let reads = 0;
    for (const topic of this.outbox.streams()) {
      reads += 1;
      this.#subscriptions.add(topic);
    }
    if (this.#subscriptions.size === reads) return;
    const now = new Set(this.outbox.streams());
    this.#subscriptions.keepOnly((topic) => now.has(topic));
  }
}
