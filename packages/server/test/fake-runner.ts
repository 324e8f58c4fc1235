import type { LoggedEvent } from "../src/db/transaction.ts";
import type { WriteRequest } from "../src/db/write-batch.ts";
import type { BatchReply, BatchRunner } from "../src/db/writer.ts";
import { nextTurn, withDeadline } from "../src/lib/interval.ts";

/** Answers each batch when the test says so. */
export class FakeRunner implements BatchRunner {
  /** What was asked and is not answered. */
  readonly asked: { names: string[]; answer: (reply: BatchReply) => void; fail: (error: Error) => void }[] = [];
  closed = false;
  readonly #happened: (() => void)[] = [];

  run(requests: WriteRequest[]): Promise<BatchReply> {
    const { promise, resolve, reject } = Promise.withResolvers<BatchReply>();
    this.asked.push({ names: requests.map(({ input }) => input as string), answer: resolve, fail: reject });
    for (const happened of this.#happened.splice(0)) happened();
    return promise;
  }

  truncateJournal(): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.asked.push({ names: ["truncate"], answer: () => resolve(true), fail: reject });
    for (const happened of this.#happened.splice(0)) happened();
    return promise;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** The next batch that is asked. */
  async next() {
    while (this.asked.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#happened.push(resolve);
      await withDeadline(promise, 3000, "no batch was asked");
    }
    return this.asked.shift() as (typeof this.asked)[number];
  }
}

/** What a batch may have logged. */
export const EVENT: LoggedEvent = {
  ...{ pos: 1, stream: "room:1", seq: 1, type: 4, messageId: null, data: "{}" },
  ...{ storesData: true, author: null, cacheable: true, at: 1 },
};
/** The reply to a batch whose requests say their names. */
export const done = (names: string[], events: LoggedEvent[] = []): BatchReply => ({
  outcomes: names.map((value) => ({ ok: true, value })),
  events,
});

/** Whether a promise has been settled by now. */
export async function settled(promise: Promise<unknown>): Promise<boolean> {
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  return Promise.race([promise.then(() => true), Promise.resolve(false)]).catch(() => true);
}
