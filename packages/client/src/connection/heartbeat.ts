import { LIMITS } from "@parley/protocol/limits";
import { after, type Cancel, every } from "../lib/timers.ts";

/** Seconds of silence that a page without a worker asks for: browsers run the timers of hidden pages once a minute. */
const SLEEPY_SECONDS = LIMITS.idleSecondsMax;

/** Signs of life at a steady pace. In pages a worker sends them, because a page's timers sleep while it is hidden; elsewhere a timer does. */
export class Heartbeat {
  readonly #url: string | undefined;
  readonly #withinMs: number;
  readonly #onMissing: () => void;
  #worker: Promise<Worker | undefined> | undefined;
  #live: Worker | undefined;

  /**
   * @param parts.url of the worker's file; null: the product wants none; undefined: it is not known where it is
   * @param parts.onMissing called when a page that should have one has none
   */
  constructor(parts: {
    url: string | null | undefined;
    isPage: boolean;
    withinMs: number;
    onMissing: () => void;
  }) {
    this.#url = parts.url ?? undefined;
    this.#onMissing = parts.url === null ? () => {} : parts.onMissing;
    this.#withinMs = parts.withinMs;
    if (!parts.isPage) this.#worker = Promise.resolve(undefined);
    this.isPage = parts.isPage;
  }

  readonly isPage: boolean;

  /** Seconds of silence to ask the server for; undefined: the server's own number is enough. */
  async idleSeconds(): Promise<number | undefined> {
    this.#worker ??= this.#open();
    const opening = this.#worker;
    const worker = await opening;
    if (this.isPage && !worker) this.#onMissing();
    // Closed meanwhile, or opened anew.
    if (this.#worker === opening) this.#live = worker;
    return this.isPage && !worker ? SLEEPY_SECONDS : undefined;
  }

  readonly start = (ms: number, beat: () => void): Cancel => {
    const worker = this.#live;
    if (!worker) return every(ms, beat);
    worker.onmessage = beat;
    worker.postMessage(ms);
    return () => {
      worker.onmessage = null;
      worker.postMessage(0);
    };
  };

  close(): void {
    if (!this.isPage) return;
    void this.#worker?.then((worker) => worker?.terminate());
    this.#worker = undefined;
    this.#live = undefined;
  }

  /** A file that does not exist, or that a page's policy forbids, fails only later. */
  async #open(): Promise<Worker | undefined> {
    let worker: Worker;
    try {
      if (this.#url === undefined) return undefined;
      worker = new Worker(this.#url);
    } catch {
      return undefined;
    }
    const loaded = await new Promise<boolean>((resolve) => {
      const cancel = after(this.#withinMs, () => resolve(false));
      const is = (loaded: boolean) => () => {
        cancel();
        resolve(loaded);
      };
      worker.onmessage = is(true);
      worker.onerror = is(false);
    });
    if (loaded) return worker;
    worker.terminate();
    return undefined;
  }
}
