import { Push } from "@parley/protocol/events";
import { after, type Cancel } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";
import type { Start, Transport, TransportName } from "./transports/transport.ts";

export interface UpgradeParts {
  readonly timing: Timing;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Better ones than the one in use, the best first. */
  readonly better: () => readonly Transport[];
  /**
   * The present arguments for opening a connection.
   * @throws what the source of tokens throws
   */
  readonly openWith: () => Promise<Pick<Start, "token" | "idleSeconds">>;
  readonly found: (name: TransportName) => void;
}

/** The way back to a better transport: it is probed next to the one in use, which continues until the better one has shown READY. */
export class Upgrade {
  readonly #parts: UpgradeParts;
  #isProbing = false;
  /** When to try again, across all connections: if they are cut again and again, none may last long enough. */
  #dueAt: number | undefined;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  get isProbing(): boolean {
    return this.#isProbing;
  }

  /** Probes from time to time until the connection ends; a running probe ends with the client. */
  watch(signals: { connection: AbortSignal; client: AbortSignal }): void {
    const { timing, now, better } = this.#parts;
    let cancel: Cancel = () => {};
    const later = () => {
      if (better().length === 0) this.#dueAt = undefined;
      if (signals.connection.aborted || better().length === 0) return;
      // A clock that was set back delays nothing.
      this.#dueAt = Math.min(this.#dueAt ?? Number.POSITIVE_INFINITY, now() + timing.upgradeMs);
      cancel = after(Math.max(0, this.#dueAt - now()), () => {
        this.#dueAt = undefined;
        void this.probe(signals.client).then(later);
      });
    };
    signals.connection.addEventListener("abort", () => cancel(), { once: true });
    later();
  }

  /** Never rejects. */
  async probe(signal: AbortSignal): Promise<void> {
    const { timing, better, openWith, found } = this.#parts;
    if (this.#isProbing || better().length === 0) return;
    this.#isProbing = true;
    try {
      const start: Start = { ...(await openWith()), cursor: undefined, max: undefined, signal };
      for (const transport of better()) {
        if (!(await works(transport, { start, timing }))) continue;
        return found(transport.name as TransportName);
      }
    } catch {
      // No token now; the next time asks again.
    } finally {
      this.#isProbing = false;
    }
  }
}

/**
 * Whether a transport carries frames: opens a connection that asks for nothing and ends it at READY. A poll has nothing to
 * show before it is used, so it counts as working. Once the signal has fired, nothing works.
 */
function works(transport: Transport, { start, timing }: { start: Start; timing: Timing }): Promise<boolean> {
  const { signal } = start;
  if (signal.aborted) return Promise.resolve(false);
  if (transport.name !== "websocket" && transport.name !== "sse") return Promise.resolve(true);
  return new Promise((resolve) => {
    const abort = new AbortController();
    const done = (works: boolean) => {
      cancel();
      signal.removeEventListener("abort", fail);
      abort.abort();
      resolve(works);
    };
    const fail = () => done(false);
    signal.addEventListener("abort", fail, { once: true });
    let cancel = after(timing.openMs, fail);
    try {
      transport.open(
        { ...start, signal: abort.signal },
        {
          opened: () => {
            cancel();
            cancel = after(timing.readyMs, fail);
          },
          receive: (frames) => {
            if (frames.some(({ type }) => type === Push.READY)) done(true);
          },
          ready: () => {},
          live: () => {},
          alive: () => {},
          ended: fail,
          had: () => {},
          cursor: () => undefined,
        },
      );
    } catch {
      fail();
    }
  });
}
