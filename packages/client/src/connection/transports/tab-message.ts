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
  | { readonly kind: "ping" }
  | { readonly kind: "back"; readonly what: Return }
  | { readonly kind: "send"; readonly type: number; readonly data: object | undefined };
