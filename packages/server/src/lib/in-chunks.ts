import { nextTurn } from "./interval.ts";

/** Runs `work` on `size` items at a time, one chunk after another; between two of them everybody else has a turn. */
export async function inChunks<T>(
  items: readonly T[],
  size: number,
  work: (chunk: readonly T[]) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += size) {
    if (at > 0) await nextTurn();
    await work(items.slice(at, at + size));
  }
}
