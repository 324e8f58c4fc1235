import { ERRORS, type ErrorCode, encodePush, Push } from "@parley/protocol";
import { type LocalSubscriber, type LocalTopics, type PublishedFrame, Subscriptions } from "../local-topics.ts";
import type { Wire } from "../wire.ts";

const ENCODER = new TextEncoder();
const COMMENT = ENCODER.encode(":\n\n");
/** How much the stream itself holds before `pull` is no longer called. The runtime reserves that much for each open stream. */
const HIGH_WATER_BYTES = 1024;
/** Frames are joined up to this many bytes: for each open stream the runtime keeps a buffer as long as its longest chunk. */
const JOINED_BYTES = 2048;
/** Close codes for which an ERROR frame has to give the reason. */
const NAMED_ENDS: Partial<Record<number, ErrorCode>> = { 1013: "overloaded", 4029: "too_many_connections" };
/** An EventSource that came back at once after 4029 would push out the next one of its user's streams, for ever. */
const TOO_MANY_RETRY_MS = 60_000;

/**
 * The body of one event stream (HTML Living Standard, section 9.2). Its end cannot carry a code, so a frame before it gives the reason, if
 * there is one. A reader whose queue holds more than `maxQueueBytes` is cut; no frame is ever skipped.
 */
export class SseWire implements Wire, LocalSubscriber {
  readonly transport = "sse";
  readonly body: ReadableStream<Uint8Array>;
  readonly #subscriptions: Subscriptions;
  readonly #callbacks: { onDrained: () => void; onEnd: (code: number) => void; onServerEnd: () => void };
  readonly #maxQueueBytes: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** What was written in this turn of the loop. It leaves in few chunks, because a chunk costs the runtime more than all our work. */
  #written: Uint8Array[] = [];
  #writtenBytes = 0;

  constructor(parts: {
    topics: LocalTopics;
    maxQueueBytes: number;
    /** The peer has read everything. */
    onDrained: () => void;
    /** Called once, whichever side ends it. */
    onEnd: (code: number) => void;
    /** The server has ended it; from now on the peer has a bounded time to read the rest. */
    onServerEnd: () => void;
  }) {
    this.#subscriptions = new Subscriptions(parts.topics, this);
    this.#callbacks = parts;
    this.#maxQueueBytes = parts.maxQueueBytes;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#callbacks.onDrained(),
        cancel: () => this.#end(1006),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_BYTES }),
    );
  }

  send(frame: string): void {
    this.#write(ENCODER.encode(`data: ${frame}\n\n`));
  }

  sendAt(frame: string, cursor: string): void {
    this.#write(ENCODER.encode(`id: ${cursor}\ndata: ${frame}\n\n`));
  }

  retryAfter(ms: number): void {
    this.#write(ENCODER.encode(`retry: ${ms}\n\n`));
  }

  deliver(frame: PublishedFrame): void {
    this.#write(frame.block);
  }

  /** A sign of life for proxies that cut quiet streams; clients ignore it. */
  comment(): void {
    this.#write(COMMENT);
  }

  close(code: number): void {
    const name = NAMED_ENDS[code];
    if (code === 4029) this.retryAfter(TOO_MANY_RETRY_MS);
    if (name) this.send(encodePush(Push.ERROR, { code: name, message: ERRORS[name].title }));
    this.#flush();
    const controller = this.#controller;
    this.#end(code);
    if (!controller) return;
    controller.close();
    this.#callbacks.onServerEnd();
  }

  terminate(): void {
    const controller = this.#controller;
    this.#end(1006);
    if (!controller) return;
    // No reason is given, since the runtime would print it. This drops what is queued; the timeout ends the connection itself.
    controller.error(undefined);
    this.#callbacks.onServerEnd();
  }

  subscribe(topic: string): void {
    if (this.#controller) this.#subscriptions.add(topic);
  }

  unsubscribe(topic: string): void {
    this.#subscriptions.delete(topic);
  }

  isSubscribed(topic: string): boolean {
    return this.#subscriptions.has(topic);
  }

  getBufferedAmount(): number {
    return this.#writtenBytes + HIGH_WATER_BYTES - (this.#controller?.desiredSize ?? HIGH_WATER_BYTES);
  }

  #write(block: Uint8Array): void {
    if (!this.#controller) return;
    // Only what is already queued counts, as with WebSockets: a block that is longer than the whole queue is sent, because otherwise its
    // reader would come back for it for ever.
    if (this.getBufferedAmount() > this.#maxQueueBytes) return this.terminate();
    if (this.#written.push(block) === 1) queueMicrotask(() => this.#flush());
    this.#writtenBytes += block.length;
  }

  #flush(): void {
    let joined: Uint8Array[] = [];
    let bytes = 0;
    const leave = () => void this.#controller?.enqueue(joined.length === 1 ? joined[0] : Buffer.concat(joined));
    for (const block of this.#written) {
      if (bytes > 0 && bytes + block.length > JOINED_BYTES) {
        leave();
        joined = [];
        bytes = 0;
      }
      joined.push(block);
      bytes += block.length;
    }
    if (bytes > 0) leave();
    this.#written = [];
    this.#writtenBytes = 0;
  }

  #end(code: number): void {
    if (!this.#controller) return;
    this.#controller = undefined;
    this.#subscriptions.clear();
    this.#callbacks.onEnd(code);
  }
}
