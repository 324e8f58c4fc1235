import type { Clock } from "../lib/clock.ts";
import type { DatabasePlace } from "./open.ts";
import type { WriteRequest } from "./write-batch.ts";
import type { BatchReply, BatchRunner } from "./writer.ts";

/**
 * Messages to and from the thread, one batch at a time. They cross as JSON text, which takes half as long as the structured clone of the
 * same objects, so inputs and results of procedures are limited to JSON.
 */
export type ToThread =
  /** `ownTime`: each batch brings its time, in tests that set the clock. */
  | { open: DatabasePlace; ownTime: boolean }
  | { batch: WriteRequest[]; now?: number }
  | { truncateJournal: true }
  | { close: true };
export type FromThread =
  | { opened: true }
  | { reply: BatchReply }
  | { isEmpty: boolean }
  | { failed: string }
  | { closed: true };

/**
 * Runs batches in its own thread, so that a slow disk never stops the gateway. `onDeath` is called when the thread
 * ends by itself: nothing can be written any more and the process has to go.
 */
export class ThreadedRunner implements BatchRunner {
  readonly #worker: Worker;
  readonly #onDeath: (error: Error) => void;
  readonly #clock: Clock | undefined;
  #answer: ((message: FromThread) => void) | undefined;
  #closing = false;

  /**
   * @param parts.entry the module that calls `serveWriter` with the table of procedures
   * @param parts.clock the thread's time, for tests; without it the thread takes the database's
   */
  constructor(parts: { entry: URL; onDeath: (error: Error) => void; clock?: Clock | undefined }) {
    this.#onDeath = parts.onDeath;
    this.#clock = parts.clock;
    this.#worker = new Worker(parts.entry.href);
    this.#worker.onmessage = (event: MessageEvent<string>) => this.#answer?.(JSON.parse(event.data) as FromThread);
    this.#worker.onerror = (event) => this.#died(new Error(`the writer thread failed: ${event.message}`));
    this.#worker.addEventListener("close", () => this.#died(new Error("the writer thread ended")));
  }

  async open(place: DatabasePlace): Promise<void> {
    await this.#ask({ open: place, ownTime: this.#clock !== undefined });
  }

  async run(requests: WriteRequest[]): Promise<BatchReply> {
    const now = this.#clock?.now();
    const message = await this.#ask({ batch: requests, ...(now === undefined ? {} : { now }) });
    if (!("reply" in message)) throw new Error("the writer thread answered something else");
    return message.reply;
  }

  async truncateJournal(): Promise<boolean> {
    const message = await this.#ask({ truncateJournal: true });
    if ("failed" in message) throw new Error(message.failed);
    return "isEmpty" in message && message.isEmpty;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#ask({ close: true });
    this.#worker.terminate();
  }

  #ask(message: ToThread): Promise<FromThread> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#worker.postMessage(JSON.stringify(message));
    });
  }

  #died(error: Error): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#onDeath(error);
  }
}
