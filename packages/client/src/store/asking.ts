import type { ArgsOf, Reply, Route } from "../api/routes.ts";
import { type Backoff, backoffMs } from "../lib/backoff.ts";
import { pause } from "../lib/timers.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { StoreSource } from "./source.ts";

/** How many events may come while one reply is on its way; with more than that, the request is made again. */
const PUSHES_AT_MOST = 10_000;

/** A reply, and what came while it was on its way. */
export interface Since<T> {
  readonly reply: T;
  /** In order. The reply may include them or not: applying them after it gives the present state either way. */
  readonly pushes: readonly PushFrame[];
}

interface Recording {
  readonly isAbout: (push: PushFrame) => boolean;
  pushes: PushFrame[];
  isFull: boolean;
}

export interface AskingParts {
  readonly source: StoreSource;
  readonly backoff: Backoff;
  readonly random: () => number;
}

/**
 * Requests whose replies are combined with events. A reply shows some moment between its request and its arrival, so it includes
 * every event that came before the request. Events that come in between are kept, and applied once more after the reply.
 */
export class Asking {
  readonly #parts: AskingParts;
  readonly #recordings = new Set<Recording>();
  #running = new AbortController();
  #open: () => void = () => {};
  #opened = this.#closed();

  constructor(parts: AskingParts) {
    this.#parts = parts;
  }

  /** Fires when nothing that is under way is wanted any more. */
  get signal(): AbortSignal {
    return this.#running.signal;
  }

  /** From now on anything may be read: the client has its place in the log, and knows who the user is. */
  open(): void {
    this.#open();
  }

  /** Gives up everything that is under way: its promises reject, and late replies are ignored. Nothing is read before the next `open`. */
  giveUp(): void {
    this.#running.abort();
    this.#running = new AbortController();
    this.#open();
    this.#opened = this.#closed();
  }

  push(push: PushFrame): void {
    for (const recording of this.#recordings) {
      if (recording.isFull || !recording.isAbout(push)) continue;
      recording.isFull = recording.pushes.length >= PUSHES_AT_MOST;
      recording.pushes.push(push);
    }
  }

  /** @throws ParleyError; DOMException when given up */
  async request<R extends Route>(route: R, ...[args]: ArgsOf<R>): Promise<Reply<R>> {
    const { signal } = this;
    const reply = await this.#parts.source.request(route, ...([{ ...args, signal }] as unknown as ArgsOf<R>));
    signal.throwIfAborted();
    return reply;
  }

  /**
   * Returns the reply that `ask` brings, with the events that came meanwhile.
   * @throws what `ask` throws
   */
  async with<T>(isAbout: (push: PushFrame) => boolean, ask: () => Promise<T>): Promise<Since<T>> {
    for (;;) {
      const recording: Recording = { isAbout, pushes: [], isFull: false };
      this.#recordings.add(recording);
      try {
        const reply = await ask();
        if (!recording.isFull) return { reply, pushes: recording.pushes };
      } finally {
        this.#recordings.delete(recording);
      }
    }
  }

  /**
   * Does the work as soon as anything may be read, and again after a failure that time may mend.
   * @throws ParleyError that only a change can mend; DOMException when given up
   */
  async untilItWorks<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this;
    await this.#opened;
    signal.throwIfAborted();
    return this.first(work);
  }

  /** The same for what is read first of all. The waits between two tries grow. */
  async first<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this;
    const { backoff, random } = this.#parts;
    for (let attempts = 0; ; attempts++) {
      try {
        signal.throwIfAborted();
        return await work();
      } catch (error) {
        // Errors of another bundle's class are not instances of this bundle's.
        if (signal.aborted || (error as { canRetry?: boolean }).canRetry !== true) throw error;
        const { retryAfterMs = 0 } = error as { retryAfterMs?: number };
        await pause(Math.max(retryAfterMs, backoffMs(attempts, random(), backoff)), signal);
      }
    }
  }

  #closed(): Promise<void> {
    return new Promise((resolve) => {
      this.#open = resolve;
    });
  }
}
