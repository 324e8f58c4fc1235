import type { Cause } from "../api/parley-error.ts";
import type { TransportName } from "./transports/transport.ts";

/** What the connection is doing. Times are epoch milliseconds. */
export type ClientState =
  | { readonly kind: "connecting"; readonly transport: TransportName | "tab" }
  /** Connected; missed events are coming, or state is being read anew. */
  | { readonly kind: "catching-up"; readonly transport: TransportName | "tab" }
  /** Events come as they happen. `tab`: over the connection of another tab of this browser. */
  | { readonly kind: "live"; readonly transport: TransportName | "tab" }
  | { readonly kind: "waiting"; readonly until: number; readonly why: WaitWhy; readonly error?: Cause }
  /** `error`: why `sign-in-refused`. */
  | { readonly kind: "stopped"; readonly why: StopWhy; readonly error?: Cause };

/**
 * - `offline`: no answer
 * - `busy`: the server or a proxy asked to wait
 * - `restart`: the server said when it will be back
 * - `policy`: the server closed the connection because a rule was broken
 * - `refused`: something answered with a refusal (see `error`); a person may have to look
 */
export type WaitWhy = "offline" | "busy" | "restart" | "policy" | "refused";

/**
 * `not-started`, `asked`: by this program. `revoked`: the login has ended, sign in again. `banned`. `disabled`: the
 * account was disabled by the operator. `replaced`: too many connections of this
 * user, this was the oldest; a page continues when a person looks at it again. `sign-in-refused`: name and password, or the
 * function that gives the token, did not bring one.
 */
export type StopWhy = "not-started" | "asked" | "revoked" | "banned" | "disabled" | "replaced" | "sign-in-refused";
