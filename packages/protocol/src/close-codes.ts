/** What a client does after a close: the SDK's policy is derived from this. */
export type AfterClose = "reconnect" | "back-off" | "after-drain" | "after-retry" | "stop" | "stop-until-focus";

export interface CloseRow {
  readonly meaning: string;
  readonly after: AfterClose;
}

/** Every code with which a WebSocket connection ends, as far as the protocol gives it a meaning (RFC 6455 section 7.4). */
export const CLOSE_CODES = {
  1000: { meaning: "going away", after: "reconnect" },
  1001: { meaning: "going away", after: "reconnect" },
  1006: { meaning: "cut (also a slow consumer at the hard limit)", after: "reconnect" },
  1008: { meaning: "policy: no RESUME in time, broken frames, too many before the token check", after: "back-off" },
  1009: { meaning: "frame too big; do not repeat it", after: "reconnect" },
  1012: { meaning: "restart; come back after DRAIN's retryAfterMs", after: "after-drain" },
  1013: { meaning: "overloaded; come back after retry=<ms> in the reason", after: "after-retry" },
  4000: { meaning: "idle: nothing received in time", after: "reconnect" },
  4001: { meaning: "login revoked or expired", after: "stop" },
  4003: {
    meaning: "the account was disabled (reason: account_disabled); bans are kept for a later version",
    after: "stop",
  },
  4008: { meaning: "slow consumer: above half its queue for 5 s", after: "reconnect" },
  4029: { meaning: "over the user's cap of connections; the oldest goes", after: "stop-until-focus" },
} as const satisfies Record<number, CloseRow>;

export type CloseCode = keyof typeof CLOSE_CODES;
