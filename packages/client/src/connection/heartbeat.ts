import { LIMITS } from "@parley/protocol/limits";
import { after, type Cancel, every } from "../lib/timers.ts";

/** Seconds of silence that a page without a worker asks for: browsers run the timers of hidden pages once a minute. */
const SLEEPY_SECONDS = LIMITS.idleSecondsMax;

/** Signs of life at a steady pace. In pages a worker gives them, since a page's own timers sleep while it is hidden; elsewhere a timer does. */
export class Heartbeat {
  readonly #url: string | undefined;
  readonly #withinMs: number;
  #worker: Promise<Worker | undefined> | undefined;
  #live: Worker | undefined;

  /** @param url of the worker's file; undefined: a plain timer is enough, or all there is */
  constructor(parts: { url: string | undefined; isPage: boolean; withinMs: number }) {
    this.#url = parts.url;
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

  /** A file that is not there, or that a page's policy forbids, fails later than it is asked for. */
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
