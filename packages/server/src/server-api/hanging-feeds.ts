import { after } from "../lib/interval.ts";
import { once } from "../lib/once.ts";
import { CAPS } from "../limits/caps.ts";

const MOST = CAPS.hangingFeeds.count;

/**
 * Requests for the feed that wait for an event. Each has only a timer: no query runs until it is woken. Each key may have a few; when one
 * more comes, its oldest one is answered.
 */
export class HangingFeeds {
  /** By key, the oldest first. */
  readonly #ofKey = new Map<string, Set<() => void>>();
  #released = false;

  get size(): number {
    let size = 0;
    for (const own of this.#ofKey.values()) size += own.size;
    return size;
  }

  /** Resolves when there may be something, when the time is over, or when nobody waits for the answer any more. */
  hang(by: string, { ms, signal }: { ms: number; signal: AbortSignal }): Promise<void> {
    if (this.#released || signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const own = this.#ofKey.get(by) ?? new Set();
    if (own.size >= MOST) own.values().next().value?.();
    const wake = once(() => {
      stop();
      signal.removeEventListener("abort", wake);
      own.delete(wake);
      if (own.size === 0) this.#ofKey.delete(by);
      resolve();
    });
    const stop = after(ms, wake);
    signal.addEventListener("abort", wake, { once: true });
    this.#ofKey.set(by, own.add(wake));
    return promise;
  }

  wakeAll(): void {
    for (const own of [...this.#ofKey.values()]) for (const wake of [...own]) wake();
  }

  /** Answers all, and lets none wait from now on; called before a stop. */
  release(): void {
    this.#released = true;
    this.wakeAll();
  }
}
