import { Push } from "@parley/protocol";
import { after, type Timing } from "./timing.ts";
import type { Start, Transport } from "./transports/transport.ts";

/**
 * Whether a transport carries frames: opens a connection that asks for nothing and ends it at READY. A poll has nothing to
 * show before it is used, so it counts as working.
 */
export function tries(
  transport: Transport,
  { start, timing }: { start: Omit<Start, "signal" | "cursor">; timing: Timing },
): Promise<boolean> {
  if (transport.name !== "websocket" && transport.name !== "sse") return Promise.resolve(true);
  return new Promise((resolve) => {
    const abort = new AbortController();
    const done = (works: boolean) => {
      cancel();
      abort.abort();
      resolve(works);
    };
    let cancel = after(timing.openMs, () => done(false));
    try {
      transport.open(
        { ...start, cursor: undefined, signal: abort.signal },
        {
          opened: () => {
            cancel();
            cancel = after(timing.readyMs, () => done(false));
          },
          receive: (frames) => {
            if (frames.some(({ type }) => type === Push.READY)) done(true);
          },
          live: () => {},
          alive: () => {},
          ended: () => done(false),
          cursor: () => undefined,
        },
      );
    } catch {
      done(false);
    }
  });
}
