import { spyOn } from "bun:test";
import { withDeadline } from "../../../server/src/lib/interval.ts";

/** Counts the client's timers that are waiting to run; those of a server in the same process do not count. */
export class TimersLeft {
  readonly #waiting = new Set<unknown>();
  readonly #ends: (() => void)[] = [];
  #looks: (() => void)[] = [];

  constructor() {
    const isOurs = () => /packages\/client\/src\//.test(new Error().stack ?? "");
    const { setTimeout: later, setInterval: repeat, clearTimeout: clear, clearInterval: clearRepeated } = globalThis;
    const watch = (name: "setTimeout" | "setInterval", set: (run: () => void, ms?: number) => unknown) => {
      const spy = spyOn(globalThis, name).mockImplementation(((run: () => void, ms?: number) => {
        const timer = set(() => {
          if (name === "setTimeout") this.#waiting.delete(timer);
          run();
        }, ms);
        if (isOurs()) this.#waiting.add(timer);
        return timer;
      }) as never);
      this.#ends.push(() => spy.mockRestore());
    };
    watch("setTimeout", later as never);
    watch("setInterval", repeat as never);
    for (const [name, end] of [
      ["clearTimeout", clear],
      ["clearInterval", clearRepeated],
    ] as const) {
      const spy = spyOn(globalThis, name).mockImplementation(((timer: never) => {
        this.#waiting.delete(timer);
        end(timer);
        for (const look of this.#looks) look();
      }) as never);
      this.#ends.push(() => spy.mockRestore());
    }
  }

  /** Resolves when no timer waits; what was given up may take a moment to notice. */
  async none(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => this.#waiting.size === 0 && resolve();
    this.#looks.push(look);
    look();
    await withDeadline(promise, 4_500, "timers are left").catch((error: Error) => {
      throw new Error(`${error.message}: ${this.#waiting.size}`);
    });
  }

  close(): void {
    for (const end of this.#ends) end();
  }
}
