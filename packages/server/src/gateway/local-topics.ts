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
  readonly #topics = new Map<string, Topic>();

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  /** Topics that have a subscriber. */
  get size(): number {
    return this.#topics.size;
  }

  /** @returns the topic, which a subscriber keeps instead of a copy of the name */
  subscribe(name: string, subscriber: LocalSubscriber): Topic {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = { name, subscribers: new Set() };
      this.#topics.set(name, topic);
    }
    topic.subscribers.add(subscriber);
    return topic;
  }

  /** The name as the topic holds it, if there is one. */
  nameOf(name: string): string {
    return this.#topics.get(name)?.name ?? name;
  }

  isRead(name: string): boolean {
    return this.#topics.has(name);
  }

  isSubscribed(name: string, subscriber: LocalSubscriber): boolean {
    return this.#topics.get(name)?.subscribers.has(subscriber) ?? false;
  }

  unsubscribe(name: string, subscriber: LocalSubscriber): void {
    const topic = this.#topics.get(name);
    topic?.subscribers.delete(subscriber);
    if (topic?.subscribers.size === 0) this.#topics.delete(name);
  }

  publish(name: string, frame: string, event: LoggedEvent | undefined): void {
    const topic = this.#topics.get(name);
    if (!topic) return;
    const published = new PublishedFrame(frame, event, this.#epoch);
    // A copy, since a delivery may end a reader and with it its subscriptions.
    for (const subscriber of [...topic.subscribers]) subscriber.deliver(published);
  }
}

interface Topic {
  readonly name: string;
  readonly subscribers: Set<LocalSubscriber>;
}

/** What one subscriber reads: a list, which takes a fifth of a set's memory, because each waiting reader has one. */
export class Subscriptions {
  readonly #topics: LocalTopics;
  readonly #subscriber: LocalSubscriber;
  #list: Topic[] = [];

  constructor(topics: LocalTopics, subscriber: LocalSubscriber) {
    this.#topics = topics;
    this.#subscriber = subscriber;
  }

  get size(): number {
    return this.#list.length;
  }

  has(name: string): boolean {
    return this.#topics.isSubscribed(name, this.#subscriber);
  }

  /** Does nothing the second time. */
  add(name: string): void {
    if (!this.has(name)) this.#list.push(this.#topics.subscribe(name, this.#subscriber));
  }

  /** Called for each reader of the node when a room is dissolved, so it is cheap for those who do not read it. */
  delete(name: string): void {
    if (this.has(name)) this.keepOnly((one) => one !== name);
  }

  keepOnly(isKept: (name: string) => boolean): void {
    const kept = this.#list.filter(({ name }) => isKept(name));
    if (kept.length === this.#list.length) return;
    for (const { name } of this.#list) if (!isKept(name)) this.#topics.unsubscribe(name, this.#subscriber);
    this.#list = kept;
  }

  clear(): void {
    for (const { name } of this.#list) this.#topics.unsubscribe(name, this.#subscriber);
    this.#list = [];
  }
}
