import { type Mock, spyOn } from "bun:test";

/** So much later are answers of which a client has had too many. */
const LATE_MS = 1000;

/**
 * Counts what a server in this process answers late on purpose, by the timers that it waits for: on a slow machine other answers take as long.
 * Hold it with `using`, so that it ends with the test.
 */
export class LateAnswers implements Disposable {
  readonly #timers: Mock<typeof setTimeout> = spyOn(globalThis, "setTimeout");

  get count(): number {
    return this.#timers.mock.calls.filter(([, ms]) => ms === LATE_MS).length;
  }

  [Symbol.dispose](): void {
    this.#timers.mockRestore();
  }
}
