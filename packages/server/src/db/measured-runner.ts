import type { Metrics } from "../ops/metrics.ts";
import type { WriteRequest } from "./write-batch.ts";
import type { BatchReply, BatchRunner } from "./writer.ts";

/** Runs batches elsewhere, and counts how long each took and which of them left nothing behind. */
export class MeasuredRunner implements BatchRunner {
  readonly #runner: BatchRunner;
  readonly #metrics: Pick<Metrics, "commitSeconds" | "writeFailures">;

  constructor(runner: BatchRunner, metrics: Pick<Metrics, "commitSeconds" | "writeFailures">) {
    this.#runner = runner;
    this.#metrics = metrics;
  }

  async run(requests: WriteRequest[]): Promise<BatchReply> {
    const { commitSeconds, writeFailures } = this.#metrics;
    const startedAt = performance.now();
    const reply = await this.#runner.run(requests);
    commitSeconds.observe((performance.now() - startedAt) / 1000);
    if ("failed" in reply) writeFailures.inc();
    return reply;
  }

  truncateJournal(): Promise<boolean> {
    return this.#runner.truncateJournal();
  }

  close(): Promise<void> {
    return this.#runner.close();
  }
}
