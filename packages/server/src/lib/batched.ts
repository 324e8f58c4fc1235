import { nextTurn } from "./interval.ts";

/**
 * Gathers what is asked in one turn of the event loop and has it answered together: for what costs much less for many than for each.
 * One batch after another, each of at most `most`, with a turn for everybody else before each.
 * @param answer one result for each ask, in order; when it throws, all asks of its batch are rejected
 */
export function batched<A, R>(
  answer: (asks: readonly A[]) => Promise<readonly R[]>,
  most: number,
): (ask: A) => Promise<R> {
  let waiting: { ask: A; resolve: (result: R) => void; reject: (error: unknown) => void }[] = [];
  let running = false;
  const run = async () => {
    running = true;
    while (waiting.length > 0) {
      await nextTurn();
      const batch = waiting.slice(0, most);
      waiting = waiting.slice(most);
      try {
        const results = await answer(batch.map(({ ask }) => ask));
        for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    running = false;
  };
  return (ask) =>
    new Promise((resolve, reject) => {
      waiting.push({ ask, resolve, reject });
      if (!running) void run();
    });
}
