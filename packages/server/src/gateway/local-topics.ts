import type { LoggedEvent } from "../db/transaction.ts";

/** A reader that is not a WebSocket, so the runtime's topics do not reach it. */
export interface LocalSubscriber {
  /** Must not throw and must not wait. `event` is undefined for frames that are not logged. */
  deliver(frame: PublishedFrame): void;
}

/** One published frame, shared by all subscribers, so that each wire form of it is made once. */
export class PublishedFrame {
  readonly text: string;
  readonly event: LoggedEvent | undefined;
  readonly #epoch: string;
  #block: Uint8Array | undefined;

  constructor(text: string, event: LoggedEvent | undefined, epoch: string) {
    this.text = text;
    this.event = event;
    this.#epoch = epoch;
  }

  /** The frame as a block of an event stream; a logged one carries the cursor of a live reader as its id. */
  get block(): Uint8Array {
    this.#block ??= ENCODER.encode(
      this.event ? `id: ${this.#epoch};*@${this.event.pos}\ndata: ${this.text}\n\n` : `data: ${this.text}\n\n`,
    );
    return this.#block;
  }
}

const ENCODER = new TextEncoder();

/** The topics of event streams and hanging polls on this node: by stream name, the subscribers that read it live. */
export class LocalTopics {
  readonly #epoch: string;
  readonly #subscribers = new Map<string, Set<LocalSubscriber>>();

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  /** Topics that have a subscriber. */
  get size(): number {
    return this.#subscribers.size;
  }

  subscribe(topic: string, subscriber: LocalSubscriber): void {
    const known = this.#subscribers.get(topic);
    if (known) known.add(subscriber);
    else this.#subscribers.set(topic, new Set([subscriber]));
  }

  unsubscribe(topic: string, subscriber: LocalSubscriber): void {
    const known = this.#subscribers.get(topic);
    known?.delete(subscriber);
    if (known?.size === 0) this.#subscribers.delete(topic);
  }

  publish(topic: string, frame: string, event: LoggedEvent | undefined): void {
    const subscribers = this.#subscribers.get(topic);
    if (!subscribers) return;
    const published = new PublishedFrame(frame, event, this.#epoch);
    // A copy, since a delivery may end a reader and with it its subscriptions.
    for (const subscriber of [...subscribers]) subscriber.deliver(published);
  }
}
