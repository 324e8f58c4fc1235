import type { Stop } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";

/** States that a code's watchers are told; they only ever go forward in this order. */
export type QrChange = "scanned" | "confirmed" | "rejected";
const ORDER: Record<QrChange, number> = { scanned: 1, confirmed: 2, rejected: 2 };

/** Polls and connections that wait for a code on this node. */
const WATCHERS_MAX = CAPS.qrWatchers.count;
/** For one code: its requester, and requests that it repeats while an older one still waits. */
const PER_CODE_MAX = CAPS.qrWatchersPerCode.count;

interface Watcher {
  readonly listener: (state: QrChange) => void;
  told: number;
}

/** The watchers of codes. Each is told each state once, in order, however often and from wherever the news comes. */
export class QrWatchers {
  readonly #byCode = new Map<string, Set<Watcher>>();
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** @throws ProblemError `overloaded` when too many wait */
  add(code: string, listener: (state: QrChange) => void): Stop {
    const watchers = this.#byCode.get(code) ?? new Set();
    if (this.#count >= WATCHERS_MAX || watchers.size >= PER_CODE_MAX) {
      throw new ProblemError("overloaded", "Too many requests are waiting for a QR code", { retryAfterMs: 1000 });
    }
    const watcher: Watcher = { listener, told: 0 };
    watchers.add(watcher);
    this.#byCode.set(code, watchers);
    this.#count += 1;
    return () => {
      if (!watchers.delete(watcher)) return;
      this.#count -= 1;
      if (watchers.size === 0) this.#byCode.delete(code);
    };
  }

  tell(code: string, state: QrChange): void {
    for (const watcher of [...(this.#byCode.get(code) ?? [])]) {
      if (watcher.told >= ORDER[state]) continue;
      watcher.told = ORDER[state];
      watcher.listener(state);
    }
  }
}
