import type { Fetch } from "./http.ts";
import type { StorageArea } from "./kept-sends.ts";
import type { Reload } from "./reload.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Timing } from "./timing.ts";
import type { TransportName } from "./transports/transport.ts";
import type { WebSocketClass } from "./transports/websocket.ts";

export interface ClientOptions {
  /** Of the server, such as `https://im.example.com`. */
  readonly url: string;
  /** Of a login: the text, or a function that is asked whenever one is needed. Either this or `login`. */
  readonly token?: string | (() => string | Promise<string>);
  /** Signs in once, at the start. */
  readonly login?: { readonly name: string; readonly password: string };
  /** In the order of preference. [websocket, sse, long-poll, short-poll] */
  readonly transports?: readonly TransportName[];
  /** Where the platform has no WebSocket, or not the wanted one. */
  readonly webSocket?: unknown;
  readonly fetch?: Fetch;
  /** `client.cursor` of before; without one, what happens from now on comes. */
  readonly cursor?: string;
  /** Events behind that are wanted one by one instead of a RESYNC. [1000 in a stream, 10 000 in all] */
  readonly max?: number;
  /** Tabs of one browser that use the same token share one connection. [true in pages] */
  readonly tabs?: boolean;
  /** Called when events were missed for good; in place of what the client reads by itself. */
  readonly reload?: Reload;
  /** Messages that may wait to be sent. [1000] */
  readonly maxWaiting?: number;
  /** Keeps messages that wait over a reload of the page. `owner` is who sends them, such as the uid. */
  readonly storage?: { readonly area: StorageArea; readonly owner: string };
  /** Address of `heartbeat-worker.js`, or null for none. [beside this script] */
  readonly worker?: string | null;
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
