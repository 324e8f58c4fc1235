import { pause } from "../lib/timers.ts";

/** What may be back: the network, the person, or the server, which has answered a request. */
export type Return = "online" | "focus" | "answer";

/** One wait at a time, which a return may cut short. */
export class Waits {
  #current: { readonly over: AbortController; readonly cutBy: (what: Return) => boolean } | undefined;

  /**
   * @param ms undefined: until it is cut short, without keeping a process alive for it
   * @param tell runs within the wait, so what a handler does about it, such as a stop, ends it at once
   */
  async wait(how: { ms: number | undefined; cutBy: (what: Return) => boolean; tell: () => void }): Promise<void> {
    const over = new AbortController();
    this.#current = { over, cutBy: how.cutBy };
    how.tell();
    if (how.ms !== undefined) await pause(how.ms, over.signal);
    else if (!over.signal.aborted) {
      await new Promise((resolve) => over.signal.addEventListener("abort", resolve, { once: true }));
    }
    this.#current = undefined;
  }

  back(what: Return): void {
    if (this.#current?.cutBy(what)) this.end();
  }

  end(): void {
    this.#current?.over.abort();
  }
}
