import type { Random } from "./random.ts";

/** How many of the last events are remembered for a repeat. */
const REMEMBERED = 4;
/** Of the events, how many are followed by a repeat. */
const SHARE = 0.05;

/**
 * The last stretch before a client, on which events come again: one of twenty is followed by the newest few once more, itself
 * included. It lies behind the proxy, which has read what the server sent. The client has to drop by their seqs what it has had.
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

/** What came lately on one connection, and comes again now and then. */
export class Repeats {
  readonly #random: Random;
  #newest: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** @returns what follows: mostly nothing, else up to a few of the newest events, in their order */
  after(frame: string): string[] {
    if (!/^\{"type":\d+,"stream":/.test(frame)) return [];
    this.#newest = [...this.#newest, frame].slice(-REMEMBERED);
    if (!this.#random.chance(SHARE)) return [];
    return this.#newest.slice(-this.#random.between(1, REMEMBERED));
  }
}
