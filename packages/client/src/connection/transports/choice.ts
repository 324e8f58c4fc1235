import type { Http } from "../../api/http.ts";
import type { Surroundings } from "../../lib/surroundings.ts";
import type { Timing } from "../../lib/timing.ts";
import type { Locks } from "../locks.ts";
import { longPollTransport, shortPollTransport } from "./poll.ts";
import { sseTransport } from "./sse.ts";
import { inSlot } from "./stream-slots.ts";
import type { Transport, TransportName } from "./transport.ts";
import { webSocketTransport } from "./websocket.ts";

const ALL: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"];

/** The wanted transports that this platform has, in the order of preference. */
export function transportsOf(parts: {
  wanted: readonly TransportName[] | undefined;
  http: Http;
  timing: Timing;
  url: string;
  surroundings: Surroundings;
  webSocketPath: string | undefined;
  /** Undefined where no other window can be counted. */
  locks: Locks | undefined;
}): Transport[] {
  const { wanted, http, timing, url, surroundings, locks, webSocketPath: path } = parts;
  const { WebSocket } = surroundings;
  const made: Record<TransportName, () => Transport | undefined> = {
    websocket: () => WebSocket && webSocketTransport({ url, WebSocket, path }),
    sse: () => inSlot(sseTransport(http, timing), { url, locks }),
    "long-poll": () => inSlot(longPollTransport(http, timing), { url, locks }),
    "short-poll": () => shortPollTransport(http, timing),
  };
  return [...new Set(wanted ?? ALL)].flatMap((name) => made[name]?.() ?? []);
}
