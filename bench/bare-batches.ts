import { figure } from "./rounds.ts";

/** Messages to a transaction. */
export const BATCH = 64;

/**
 * For each line `<rows>` on the input it stores that many messages, a batch at a time, and answers
 * `done <seconds> <median ms of a batch> <slowest 1 % ms>`.
 */
export async function storeAsTold(storeBatch: () => unknown): Promise<void> {
  console.log("ready");
  for await (const line of console) {
    const batches = Math.ceil(Number(line) / BATCH);
    const times: number[] = [];
    const startedAt = performance.now();
    for (let i = 0; i < batches; i++) {
      const batchAt = performance.now();
      await storeBatch();
      times.push(performance.now() - batchAt);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    times.sort((a, b) => a - b);
    console.log(`done ${seconds} ${figure(times).median} ${times[Math.floor(batches * 0.99)]}`);
  }
}
