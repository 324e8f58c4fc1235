import type { Clock } from "../lib/clock.ts";
import { every, type Stop } from "../lib/interval.ts";
import { Breaker } from "./breaker.ts";

interface Waiting {
  dueAt: number;
  /** @param mayGo false: nothing is sent any more */
  readonly go: (mayGo: boolean) => void;
}

export type SendOutcome = "delivered" | "failed" | "left off";

export interface GateParts {
  readonly clock: Clock;
  /** Deliveries at once. */
  readonly atOnce: number;
  /** Called when the breaker has opened, and when it has closed. */
  readonly onBreaker: (isOpen: boolean) => void;
}

/** How often it checks whose time has come; it checks nothing while nobody waits. */
const LOOK_MS = 250;
/** The longest wait between two tries. */
const BACKOFF_MAX_MS = 10 * 60_000;

/**
 * Lets a few send to one address at once, in order of arrival, so that streams take turns; each when its time has come; and while the
 * breaker is open, one at a time, now and then.
 */
export class Gate {
  readonly #parts: GateParts;
  readonly #breaker: Breaker;
  readonly #waiting: Waiting[] = [];
  readonly #stop: Stop;
  #free: number;
  #stopped = false;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#breaker = new Breaker(parts.clock);
    this.#free = parts.atOnce;
    this.#stop = every(LOOK_MS, () => this.#next());
  }

  /** Whether everything that is new should wait: nothing can be delivered, and somebody will find out when that ends. */
  get isShut(): boolean {
    return this.#breaker.isOpen && !(this.#breaker.isDue && this.#waiting.length === 0);
  }

  /** Resolves when one may send; whoever was let in calls `leave` at the end. @returns false: after a stop, when nothing is sent any more */
  enter(dueAt: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (this.#stopped) resolve(false);
    else this.#waiting.push({ dueAt, go: resolve });
    this.#next();
    return promise;
  }

  leave(outcome: SendOutcome): void {
    this.#free += 1;
    if (outcome === "left off") this.#breaker.leftOff();
    else if (outcome === "failed") {
      if (this.#breaker.failed()) this.#parts.onBreaker(true);
    } else if (this.#breaker.succeeded()) {
      // What waited for the address to come back need not wait longer.
      for (const one of this.#waiting) one.dueAt = 0;
      this.#parts.onBreaker(false);
    }
    this.#next();
  }

  /** As if nothing had failed. */
  renew(): void {
    for (const one of this.#waiting) one.dueAt = 0;
    if (this.#breaker.succeeded()) this.#parts.onBreaker(false);
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    this.#stop();
    for (const { go } of this.#waiting.splice(0)) go(false);
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#parts.clock.now();
    if (this.#breaker.isOpen) {
      if (!this.#breaker.isDue || this.#free === 0) return;
      this.#breaker.trying();
      // The one that has waited longest, so that it is a different one each time.
      this.#let(0);
      return;
    }
    for (let at = 0; at < this.#waiting.length && this.#free > 0; ) {
      if (isDue(this.#waiting[at] as Waiting, now)) this.#let(at);
      else at += 1;
    }
  }

  #let(index: number): void {
    const [one] = this.#waiting.splice(index, 1);
    this.#free -= 1;
    one?.go(true);
  }
}

/** A clock that was set back makes nobody wait longer than the longest wait. */
function isDue({ dueAt }: Waiting, now: number): boolean {
  return dueAt <= now || dueAt - now > BACKOFF_MAX_MS;
}

/** When the next try is due after that many failures. */
export function retryAt(now: number, attempts: number): number {
  return now + Math.min(1000 * 2 ** (attempts - 1), BACKOFF_MAX_MS);
}
