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

async function take(locks: Locks, { url, ...wish }: Wish): Promise<boolean> {
  for (let slot = 0; slot < SLOTS && !wish.signal.aborted; slot++) {
    if (await takeOne(locks, { name: `parley:stream ${slot} ${url}`, ...wish })) return true;
  }
  return false;
}

/** It is held until the signal fires. Where the browser refuses its locks nothing can be counted, and every one is free. */
function takeOne(locks: Locks, { name, signal, lost }: Omit<Wish, "url"> & { name: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const held = (lock: object | null) => {
      const isMine = lock !== null && !signal.aborted;
      resolve(isMine);
      if (!isMine) return undefined;
      return new Promise<void>((release) => signal.addEventListener("abort", () => release(), { once: true }));
    };
    locks.request(name, { ifAvailable: true }, held).catch((error: Error) => {
      if (error.name === "AbortError") lost();
      resolve(true);
    });
  });
}
