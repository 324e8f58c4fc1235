import type { Locks } from "../locks.ts";
import type { Transport } from "./transport.ts";

/**
 * Browsers open six connections to a server at most (HTTP/1.1), over all their windows, and a stream or a poll that hangs keeps one for
 * as long as it lasts. With four of them two are left for requests, and for the next window to load.
 */
const SLOTS = 4;

/** A transport that keeps a connection: it is unsuited where all windows together have as many as they may. */
export function inSlot(transport: Transport, { url, locks }: { url: string; locks: Locks | undefined }): Transport {
  if (!locks) return transport;
  return {
    name: transport.name,
    open(start, on) {
      const { signal } = start;
      // Of two windows that took the same one at the same moment, one has to take another one.
      const lost = () => !signal.aborted && on.ended({ kind: "failed" });
      void take(locks, { url, signal, lost }).then((isFree) => {
        if (signal.aborted) return;
        if (isFree) transport.open(start, on);
        else on.ended({ kind: "unsuited" });
      });
      return {};
    },
  };
}

interface Wish {
  readonly url: string;
  readonly signal: AbortSignal;
  readonly lost: () => void;
}

/** It is held until the signal fires. Where the browser refuses its locks nothing can be counted, and every place is free. */
function take(locks: Locks, wish: Wish, slot = 0): Promise<boolean> {
  const { url, signal, lost } = wish;
  if (slot === SLOTS) return Promise.resolve(false);
  return new Promise((resolve) => {
    const held = (lock: object | null) => {
      if (!lock) return void resolve(take(locks, wish, slot + 1));
      resolve(true);
      return signal.aborted
        ? undefined
        : new Promise<void>((release) => signal.addEventListener("abort", () => release()));
    };
    locks.request(`parley:stream ${slot} ${url}`, { ifAvailable: true }, held).catch((error: Error) => {
      if (error.name === "AbortError") lost();
      resolve(true);
    });
  });
}
