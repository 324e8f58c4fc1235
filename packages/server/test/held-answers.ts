import { nextTurn } from "../src/lib/interval.ts";

/** Answers that arrive when a test lets them, in any order: each is read when it is requested, and delivered later. */
export class HeldAnswers {
  #waiting: (() => void)[] = [];
  #isOpen = false;

  /** Passes an answer on when it is let go. */
  async hold<T>(answer: Promise<T>): Promise<T> {
    const result = await answer;
    if (!this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return result;
  }

  /** How many wait to be let go. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets one of the waiting answers go, and everything that follows from it happen. */
  async letGo(which: number): Promise<void> {
    const [resolve] = this.#waiting.splice(which % Math.max(1, this.#waiting.length), 1);
    resolve?.();
    await settled();
  }

  /** From now on, holds nothing. */
  async open(): Promise<void> {
    this.#isOpen = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
    await settled();
  }
}

/** Reads of SQLite take no time of their own, so after a few turns everything that can happen has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
}
