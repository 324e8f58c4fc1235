import type { Random } from "./random.ts";

/** How many of the last events are kept for a repeat. */
const REMEMBERED = 4;
/** The share of events that are followed by a repeat. */
const SHARE = 0.05;

/**
 * The last stretch before a client, on which events repeat: one in twenty is followed by the newest few once more, itself
 * included. It lies behind the proxy, which has read what the server sent. The client has to drop the events it already had, by their seqs.
 */
export function repeatingWebSocket(random: Random, onRepeat: (count: number) => void): typeof WebSocket {
  return class extends WebSocket {
    readonly #repeats = new Repeats(random);

    override set onmessage(on: ((event: MessageEvent) => void) | null) {
      super.onmessage = (event: MessageEvent) => {
        on?.(event);
        const again = this.#repeats.after(String(event.data));
        onRepeat(again.length);
        for (const data of again) on?.(new MessageEvent("message", { data }));
      };
    }
  };
}

/** What came recently on one connection, and is repeated now and then. */
export class Repeats {
  readonly #random: Random;
  #newest: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** @returns what follows: mostly nothing, otherwise a few of the newest events, in their order */
  after(frame: string): string[] {
    if (!/^\{"type":\d+,"stream":/.test(frame)) return [];
    this.#newest = [...this.#newest, frame].slice(-REMEMBERED);
    if (!this.#random.chance(SHARE)) return [];
    return this.#newest.slice(-this.#random.between(1, REMEMBERED));
  }
}
