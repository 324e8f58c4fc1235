import { type Mock, spyOn } from "bun:test";
import { endLater } from "./left-running.ts";

/**
 * The time that rates count by, which they take from the process itself and not from a clock that they are given. It stands
 * still until a test moves it; timers go on. Hold it with `using`, so that it runs again after the test; after one that was cut by its time limit it
 * does so too.
 */
export class StillTime implements Disposable {
  readonly #spies: readonly Mock<() => number>[];
  readonly #ended = endLater(() => this[Symbol.dispose]());
  #passedMs = 0;

  constructor() {
    // It is whole, so that no rounding of fractions decides whether a wait is over.
    const [now, uptime] = [Date.now(), Math.round(performance.now())];
    this.#spies = [
      spyOn(Date, "now").mockImplementation(() => now + Math.round(this.#passedMs)),
      spyOn(performance, "now").mockImplementation(() => uptime + this.#passedMs),
    ];
  }

  advance(ms: number): void {
    this.#passedMs += ms;
  }

  [Symbol.dispose](): void {
    this.#ended();
    for (const spy of this.#spies) spy.mockRestore();
  }
}
