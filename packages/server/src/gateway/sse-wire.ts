import type { LocalSubscriber, LocalTopics, PublishedFrame } from "./local-topics.ts";
import type { Wire } from "./wire.ts";

const ENCODER = new TextEncoder();
const COMMENT = ENCODER.encode(":\n\n");
/** What the stream itself holds before `pull` stops being called. */
const HIGH_WATER_BYTES = 16_384;

/**
 * The body of one event stream (HTML Living Standard, section 9.2). Closing it cannot carry a code: the reason, where there is
 * one, is in the frame sent before. A reader beyond `maxQueueBytes` is cut, never skipped.
 */
export class SseWire implements Wire, LocalSubscriber {
  readonly body: ReadableStream<Uint8Array>;
  readonly #topics: LocalTopics;
  readonly #subscribed = new Set<string>();
  readonly #on: { drained: () => void; ended: (code: number) => void };
  readonly #maxQueueBytes: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(parts: {
    topics: LocalTopics;
    maxQueueBytes: number;
    /** The peer has taken everything. */
    drained: () => void;
    /** Called once, whoever ends it. */
    ended: (code: number) => void;
  }) {
    this.#topics = parts.topics;
    this.#on = parts;
    this.#maxQueueBytes = parts.maxQueueBytes;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#on.drained(),
        cancel: () => this.#end(1006),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_BYTES }),
    );
  }

  send(frame: string): number {
    return this.#write(ENCODER.encode(`data: ${frame}\n\n`));
  }

  sendAt(frame: string, cursor: string): number {
    return this.#write(ENCODER.encode(`id: ${cursor}\ndata: ${frame}\n\n`));
  }

  deliver(frame: PublishedFrame): void {
    this.#write(frame.block);
  }

  /** A sign of life for proxies that cut quiet streams; clients ignore it. */
  comment(): void {
    this.#write(COMMENT);
  }

  close(code: number): void {
    const controller = this.#controller;
    this.#end(code);
    controller?.close();
  }

  terminate(): void {
    const controller = this.#controller;
    this.#end(1006);
    controller?.error(new Error("the reader was cut"));
  }

  subscribe(topic: string): void {
    if (!this.#controller) return;
    this.#subscribed.add(topic);
    this.#topics.subscribe(topic, this);
  }

  unsubscribe(topic: string): void {
    if (this.#subscribed.delete(topic)) this.#topics.unsubscribe(topic, this);
  }

  isSubscribed(topic: string): boolean {
    return this.#subscribed.has(topic);
  }

  getBufferedAmount(): number {
    return HIGH_WATER_BYTES - (this.#controller?.desiredSize ?? HIGH_WATER_BYTES);
  }

  #write(block: Uint8Array): number {
    if (!this.#controller) return 0;
    if (this.getBufferedAmount() + block.length > this.#maxQueueBytes) {
      this.terminate();
      return 0;
    }
    this.#controller.enqueue(block);
    return this.getBufferedAmount() > 0 ? -1 : block.length;
  }

  #end(code: number): void {
    if (!this.#controller) return;
    this.#controller = undefined;
    for (const topic of this.#subscribed) this.#topics.unsubscribe(topic, this);
    this.#subscribed.clear();
    this.#on.ended(code);
  }
}
