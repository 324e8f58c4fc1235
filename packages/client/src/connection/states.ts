import type { Timing } from "../lib/timing.ts";
import type { Resync } from "../reading/events.ts";
import type { Reloaded, ReloadRequest, ResyncData } from "../reading/reload.ts";
import type { ClientState, WaitWhy } from "./client-state.ts";
import type { Fallback } from "./fallback.ts";
import type { TransportEnd, TransportName } from "./transports/transport.ts";

/** The transport of a connection; `tab`: the connection of another tab of this browser. */
export type By = TransportName | "tab";

/** State that has to be read anew before events continue. */
export interface Reloading {
  readonly what: ReloadRequest;
  readonly resyncs: readonly ResyncData[];
  /** The transport of the connection that got the RESYNC. */
  readonly by: By;
  /** Failed attempts to read it, in a row. */
  readonly failures: number;
}

/** What the client does at this moment. At most one thing is in progress in each state: a request, a connection or a wait. */
export type State =
  | { readonly kind: "stopped" }
  /** It gets a token, and finds out whether another tab has the connection. */
  | { readonly kind: "preparing" }
  | { readonly kind: "opening"; readonly by: By }
  /** The handshake is done; READY, or a first reply, has not come yet. */
  | { readonly kind: "opened"; readonly by: By }
  | { readonly kind: "catching-up"; readonly by: By }
  | { readonly kind: "live"; readonly by: By; readonly since: number }
  /** A plain request tells a blocked transport from a network that is down. */
  | { readonly kind: "asking"; readonly by: By }
  | { readonly kind: "reloading"; readonly reloading: Reloading }
  /** `serverNamedTime`: the server named the moment, so nothing cuts the wait short. `next`: what follows, if not a connection. */
  | {
      readonly kind: "waiting";
      readonly why: WaitWhy;
      readonly serverNamedTime: boolean;
      readonly next: Reloading | undefined;
    }
  /** Another connection of the same user pushed this one out; a person has to look at the page again. */
  | { readonly kind: "replaced" };

/** What is remembered from one state to the next. Everything except `fallback` is forgotten at a start. */
export interface Memory {
  readonly fallback: Fallback;
  /** Connections that failed, in a row. */
  readonly failures: number;
  /** RESYNCs in a row, without a connection that lasted. */
  readonly resyncs: number;
  /** How often, in a row, the server refused a RESUME as too long. Getting a shorter cursor by polling also counts. */
  readonly tooLong: number;
  /** The product's function was called for another token after the last one was refused, and no connection has lasted since. */
  readonly wasRenewed: boolean;
  /** An answer has cut the last wait short, and no connection followed. */
  readonly wasHurried: boolean;
}

export interface Machine {
  readonly state: State;
  readonly memory: Memory;
}

export type ConnectionEnd =
  | TransportEnd
  | { readonly kind: "resync"; readonly resyncs: readonly ResyncData[] }
  /** Another connection has to continue where this one is: an event is missing, or the next token cannot be sent on it. */
  | { readonly kind: "anew" };

/** What a connection reports. */
export type FromConnection =
  | { readonly kind: "opened" }
  | { readonly kind: "ready" }
  | { readonly kind: "live" }
  | { readonly kind: "ended"; readonly end: ConnectionEnd };

export type Happening =
  | FromConnection
  | { readonly kind: "start" }
  | { readonly kind: "stop" }
  | { readonly kind: "prepared"; readonly token: string; readonly idleSeconds: number | undefined }
  /** The plain request that `ask` made was answered. */
  | { readonly kind: "ask-answered" }
  | { readonly kind: "reloaded"; readonly reloaded: Reloaded }
  /** The running request, whichever it is, has failed. */
  | { readonly kind: "failed"; readonly error: unknown }
  /** The timer that was set has run out. */
  | { readonly kind: "time" }
  /** The platform says that the network is lost or back. */
  | { readonly kind: "offline" }
  | { readonly kind: "online" }
  /** A person looks at the page. */
  | { readonly kind: "focus" }
  /** The server has answered a request of the product. */
  | { readonly kind: "request-answered" }
  /** This transport, which is better than the one in use, works. */
  | { readonly kind: "better"; readonly name: TransportName }
  /** Another tab now has the connection. */
  | { readonly kind: "handover" }
  /** News of the connection of another tab. */
  | { readonly kind: "tab-state"; readonly state: ClientState };

/** Facts from outside the state machine at the moment of a happening. */
export interface Facts {
  readonly timing: Timing;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Between 0 and 1. */
  readonly random: number;
  /** The cursor does not fit in a frame or in an address. */
  readonly isCursorLong: boolean;
  /** Another tab has the connection. */
  readonly readsByTab: boolean;
  /** A function of the product gives the tokens, so the end of one is not the end. */
  readonly canRenew: boolean;
  /** A better transport is being tried next to the one in use. */
  readonly isProbing: boolean;
  /** DRAIN's `retryAfterMs`, if the connection in use got one. */
  readonly drainMs: number | undefined;
}

/** What the machine asks for. `prepare`, `open`, `ask` and `reload` replace what was in progress. */
export type Effect =
  /** Listen to the platform and to other tabs. */
  | { readonly kind: "listen" }
  /** Stop listening, after telling other tabs this state; nothing is left over. */
  | { readonly kind: "release"; readonly state: ClientState }
  /** End what is in progress, the timer too. */
  | { readonly kind: "leave" }
  | { readonly kind: "prepare" }
  /** `shortenCursor`: get what is missing, and with it a short cursor, then end. */
  | {
      readonly kind: "open";
      readonly by: By;
      readonly shortenCursor: boolean;
      readonly token: string;
      readonly idleSeconds: number | undefined;
    }
  | { readonly kind: "ask" }
  | { readonly kind: "reload"; readonly what: ReloadRequest }
  /** One timer at a time; undefined: none. */
  | { readonly kind: "timer"; readonly ms: number | undefined }
  /** Tell the product, and tabs that follow this one. */
  | { readonly kind: "tell"; readonly state: ClientState }
  | { readonly kind: "tell-resyncs"; readonly resyncs: readonly Resync[] }
  /** Pass on what was read, and continue after it. */
  | { readonly kind: "hand-over"; readonly reloading: Reloading; readonly reloaded: Reloaded }
  /** Check whether the computer was asleep. */
  | { readonly kind: "look" }
  /** Try better transports. */
  | { readonly kind: "probe"; readonly when: "now" | "later" };

export interface Step {
  readonly machine: Machine;
  readonly effects: readonly Effect[];
}
