import { Push } from "@parley/protocol/events";
import { after } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";
import type { Start, Transport } from "./transports/transport.ts";

/**
 * Whether a transport carries frames: opens a connection that asks for nothing and ends it at READY. A poll has nothing to
 * show before it is used, so it counts as working.
 */
export function tries(
  transport: Transport,
  { start, timing, signal }: { start: Omit<Start, "signal" | "cursor">; timing: Timing; signal: AbortSignal },
): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  if (transport.name !== "websocket" && transport.name !== "sse") return Promise.resolve(true);
  return new Promise((resolve) => {
    const abort = new AbortController();
    const done = (works: boolean) => {
      cancel();
      signal.removeEventListener("abort", stop);
      abort.abort();
      resolve(works);
    };
    const stop = () => done(false);
    signal.addEventListener("abort", stop, { once: true });
    let cancel = after(timing.openMs, stop);
    try {
      transport.open(
        { ...start, cursor: undefined, signal: abort.signal },
        {
          opened: () => {
            cancel();
            cancel = after(timing.readyMs, stop);
          },
          receive: (frames) => {
            if (frames.some(({ type }) => type === Push.READY)) done(true);
          },
          ready: () => {},
          live: () => {},
          alive: () => {},
          ended: stop,
          had: () => {},
          cursor: () => undefined,
        },
      );
    } catch {
      done(false);
    }
  });
}
