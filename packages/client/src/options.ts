import type { SignIn } from "./api/token-source.ts";
import type { TransportName } from "./connection/transports/transport.ts";
import type { Fetch, Surroundings, WebSocketClass } from "./lib/surroundings.ts";
import type { Timing } from "./lib/timing.ts";
import type { Reload } from "./reading/reload.ts";
import type { StorageArea } from "./sending/stored-sends.ts";

/** What `createClient` takes. */
export type ClientOptions = SignIn & OtherOptions;

interface OtherOptions {
  /** Of the server, such as `https://im.example.com` or `https://example.com/chat`. */
  readonly url: string;
  /** In the order of preference. [websocket, sse, long-poll, short-poll] */
  readonly transports?: readonly TransportName[];
  /** Where the server takes WebSockets, below `url`. [`/ws`, and where that does not open `/websocket`] */
  readonly webSocketPath?: string;
  /** Where the platform has no WebSocket, or not the wanted one. */
  readonly webSocket?: unknown;
  readonly fetch?: Fetch;
  /** An earlier `client.cursor`; without it, you get only events from now on. */
  readonly cursor?: string;
  /** How many missed events to deliver one by one; more of them are told by a RESYNC. [1000 in a stream, 10 000 in all] */
  readonly max?: number;
  /** Tabs of one browser that use the same token share one connection. [true in pages] */
  readonly tabs?: boolean;
  /** Called when events were missed for good; in place of what the client reads by itself. */
  readonly reload?: Reload;
  /** Messages that may wait to be sent. [1000] */
  readonly maxWaiting?: number;
  /** Keeps messages that wait over a reload of the page. `owner` is who sends them, such as the uid. */
  readonly storage?: { readonly area: StorageArea; readonly owner: string };
  /** Address of `heartbeat-worker.js`, or null for none: a hidden tab then notices later that its connection was cut. [beside this script] */
  readonly worker?: string | null;
  /** Called with what would otherwise be silence: the client was never started, has stopped, cannot reach its server. [console.warn] */
  readonly onWarning?: (text: string) => void;
  /** Called with what a handler of yours throws. [console.error] */
  readonly onError?: (error: unknown) => void;
}

/** Only for tests: may change in any version. */
export interface Internals {
  readonly timing?: Partial<Timing>;
  readonly surroundings?: Partial<Surroundings>;
}

export function webSocketOf(options: ClientOptions): WebSocketClass | undefined {
  return options.webSocket as WebSocketClass | undefined;
}
