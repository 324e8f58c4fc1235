import type { WriteRequest } from "./write-batch.ts";
import type { BatchReply, BatchRunner } from "./writer.ts";

/**
 * What the thread is told and answers, one batch at a time. It crosses as JSON text, which takes half as long as the
 * structured clone of the same objects; so inputs and results of procedures are what JSON can say.
 */
export type ToThread = { open: string } | { batch: WriteRequest[] } | { close: true };
export type FromThread = { opened: true } | { reply: BatchReply } | { closed: true };

/**
 * Runs batches in a thread of its own, so that a slow disk never stops the gateway. `onDeath` is called when the thread
 * ends by itself: nothing can be written any more and the process has to go.
 */
export class ThreadedRunner implements BatchRunner {
  readonly #worker: Worker;
  readonly #onDeath: (error: Error) => void;
  #answer: ((message: FromThread) => void) | undefined;
  #closing = false;

  /** @param entry the module that imports every write procedure and serves `serveWriter` */
  constructor(entry: URL, onDeath: (error: Error) => void) {
    this.#onDeath = onDeath;
    this.#worker = new Worker(entry.href);
    this.#worker.onmessage = (event: MessageEvent<string>) => this.#answer?.(JSON.parse(event.data) as FromThread);
    this.#worker.onerror = (event) => this.#died(new Error(`the writer thread failed: ${event.message}`));
    this.#worker.addEventListener("close", () => this.#died(new Error("the writer thread ended")));
  }

  async open(path: string): Promise<void> {
    await this.#ask({ open: path });
  }

  async run(requests: WriteRequest[]): Promise<BatchReply> {
    const message = await this.#ask({ batch: requests });
    if (!("reply" in message)) throw new Error("the writer thread answered something else");
    return message.reply;
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
