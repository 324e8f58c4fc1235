import type { WholePresence } from "../../reading/presence.ts";
import type { PushFrame } from "../../reading/push-frame.ts";
import type { ClientState } from "../client-state.ts";

/** What may be back: the network, the person, or the server, which has answered a request. */
export type Return = "online" | "focus" | "request-answered";

/** Between tabs. `count` numbers the `frames` messages. */
export type TabMessage =
  /** Asks which tab has the connection. */
  | { readonly kind: "hello" }
  /** Answers: this one has it, and stands here. */
  | { readonly kind: "welcome"; readonly count: number; readonly cursor: string }
  | {
      readonly kind: "frames";
      readonly count: number;
      readonly frames: readonly PushFrame[];
      readonly cursor: string | undefined;
    }
  /** The connection is live, for the first time or again. */
  | { readonly kind: "live"; readonly count: number }
  | { readonly kind: "state"; readonly state: ClientState }
  /** Which people are online: when a connection has told everything, and to a tab that asks which tab has it. */
  | { readonly kind: "presence"; readonly presence: WholePresence }
  /** Asks whether the tab that has the connection is there. */
  | { readonly kind: "ping" }
  | { readonly kind: "pong" }
  | { readonly kind: "back"; readonly what: Return }
  | { readonly kind: "send"; readonly type: number; readonly data: object | undefined };
