import { nextTurn } from "./interval.ts";

/** The requester, whose asks take turns, and how many of them a batch may have; asks without a requester are not counted. */
export interface TurnsBy<A> {
  readonly of: (ask: A) => unknown;
  readonly most: number;
}

/**
 * Gathers what is asked in one turn of the event loop and answers it together, for questions that cost much less together than one by one.
 * One batch after another, each of at most `most`, with a turn for everybody else before each.
 * @param by names the requester if one may ask for much: their further asks wait for later batches, and nobody else's wait with them
 * @param answer one result for each ask, in order; when it throws, all asks of its batch are rejected
 */
export function batched<A, R>(
  answer: (asks: readonly A[]) => Promise<readonly R[]>,
  most: number,
  by?: TurnsBy<A>,
): (ask: A) => Promise<R> {
  let waiting: { ask: A; resolve: (result: R) => void; reject: (error: unknown) => void }[] = [];
  let running = false;
  const run = async () => {
    running = true;
    while (waiting.length > 0) {
      await nextTurn();
      const { batch, rest } = split(waiting, most, by && { ...by, of: ({ ask }) => by.of(ask) });
      waiting = rest;
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

/** The next batch, and the rest in the same order. */
function split<T>(all: readonly T[], most: number, by: TurnsBy<T> | undefined): { batch: T[]; rest: T[] } {
  if (!by) return { batch: all.slice(0, most), rest: all.slice(most) };
  const batch: T[] = [];
  const rest: T[] = [];
  const taken = new Map<unknown, number>();
  let at = 0;
  for (; at < all.length && batch.length < most; at++) {
    const one = all[at] as T;
    const whose = by.of(one);
    const before = taken.get(whose) ?? 0;
    if (whose !== undefined) taken.set(whose, before + 1);
    if (before < by.most) batch.push(one);
    else rest.push(one);
  }
  return { batch, rest: rest.concat(all.slice(at)) };
}
