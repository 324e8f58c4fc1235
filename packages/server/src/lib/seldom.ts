import { uptimeMs } from "./uptime.ts";

const APART_MS = 10_000;

/** Lets something be said at most once in ten seconds, however often there is reason to. */
export class Seldom {
  readonly #now: () => number;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #left = 0;

  constructor(now = uptimeMs) {
    this.#now = now;
  }

  /** @param say called at once or not at all, with the number of times that were left out since the last time */
  run(say: (left: number) => void): void {
    const now = this.#now();
    if (now < this.#notBeforeMs) {
      this.#left += 1;
      return;
    }
    const left = this.#left;
    this.#notBeforeMs = now + APART_MS;
    this.#left = 0;
    say(left);
  }
}
