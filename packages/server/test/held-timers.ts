import { endLater } from "./left-running.ts";

interface Held {
  readonly ms: number;
  readonly repeats: boolean;
  readonly task: () => void;
}

type Begin = (task: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => unknown;

/** Longer than any test. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Timers of certain lengths that do not run until a test runs them, while all others go on. What has to happen without such a timer, or before
 * it, happens then on a machine of any speed, or never; and what only such a timer brings takes no time. Hold it with `using`, before what sets
 * the timers begins. What still waits at the end never runs.
 */
export class HeldTimers implements Disposable {
  readonly #isHeld: (ms: number) => boolean;
  readonly #held = new Map<unknown, Held>();
  readonly #ended = endLater(() => this[Symbol.dispose]());

  /** @param which the lengths of the timers that are held, in milliseconds */
  constructor(...which: readonly number[] | readonly [(ms: number) => boolean]) {
    const [first] = which;
    this.#isHeld = typeof first === "function" ? first : (ms) => (which as readonly number[]).includes(ms);
    holding.add(this);
    if (holding.size === 1) Object.assign(globalThis, HOLDING);
  }

  /** The lengths of those that wait, in the order in which they were set. */
  get waiting(): number[] {
    return [...this.#held.values()].map(({ ms }) => ms);
  }

  /** Runs those that wait now, or those of one length, in the order in which they were set. Intervals go on waiting. */
  run(only?: number): void {
    for (const [timer, { ms, repeats, task }] of [...this.#held]) {
      // One of those before it may have stopped it.
      if (!this.#held.has(timer) || (only !== undefined && ms !== only)) continue;
      if (!repeats) clear(timer);
      task();
    }
  }

  [Symbol.dispose](): void {
    this.#ended();
    for (const timer of [...this.#held.keys()]) clear(timer);
    holding.delete(this);
    if (holding.size === 0) Object.assign(globalThis, REAL);
  }

  /** The one that holds timers of this length. */
  static of(ms: number): HeldTimers | undefined {
    for (const one of holding) if (one.#isHeld(ms)) return one;
    return undefined;
  }

  hold(timer: unknown, held: Held): void {
    this.#held.set(timer, held);
  }

  static forget(timer: unknown): void {
    for (const one of holding) one.#held.delete(timer);
  }
}

/** Those that hold timers now. Of several the first one has those of its lengths. */
const holding = new Set<HeldTimers>();

const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
const REAL = { setTimeout, setInterval, clearTimeout, clearInterval };

function begin(set: Begin, repeats: boolean): Begin {
  return (task, ms = 0, ...args) => {
    const by = HeldTimers.of(ms);
    if (!by) return set(task, ms, ...args);
    const never = set(() => {}, NEVER_MS);
    by.hold(never, { ms, repeats, task: () => task(...args) });
    return never;
  };
}

function clear(timer: unknown): void {
  HeldTimers.forget(timer);
  clearTimeout(timer as never);
}

const HOLDING = {
  setTimeout: begin(setTimeout as never, false),
  setInterval: begin(setInterval as never, true),
  clearTimeout: clear,
  clearInterval: clear,
};
