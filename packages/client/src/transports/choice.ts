import type { Http } from "../http.ts";
import type { ClientOptions } from "../options.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Timing } from "../timing.ts";
import { longPollTransport, shortPollTransport } from "./poll.ts";
import { sseTransport } from "./sse.ts";
import type { Transport, TransportName } from "./transport.ts";
import { webSocketTransport } from "./websocket.ts";

const ALL: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"];

/** The wanted transports that this platform has, in the order of preference. */
export function transportsOf(parts: {
  options: Pick<ClientOptions, "transports">;
  http: Http;
  timing: Timing;
  url: string;
  surroundings: Surroundings;
}): Transport[] {
  const { options, http, timing, url, surroundings } = parts;
  const made: Record<TransportName, () => Transport | undefined> = {
    websocket: () => surroundings.WebSocket && webSocketTransport(url, surroundings.WebSocket),
    sse: () => sseTransport(http, timing),
    "long-poll": () => longPollTransport(http, timing),
    "short-poll": () => shortPollTransport(http, timing),
  };
  return (options.transports ?? ALL).flatMap((name) => made[name]?.() ?? []);
}
