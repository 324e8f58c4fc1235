/** What a client does after a close: the SDK's policy is derived from this. */
export type AfterClose = "reconnect" | "back-off" | "after-drain" | "after-retry" | "stop" | "stop-until-focus";

export interface CloseRow {
  readonly after: AfterClose;
}

/**
 * Every code with which a WebSocket connection ends, as far as the protocol gives it a meaning (RFC 6455 section 7.4). What each means is
 * said in comments, since the table is part of every client.
 */
export const CLOSE_CODES = {
  /** Going away. */
  1000: { after: "reconnect" },
  /** Going away. */
  1001: { after: "reconnect" },
  /** Cut (also a slow consumer at the hard limit). */
  1006: { after: "reconnect" },
  /** Policy: no RESUME in time, broken frames, too many before the token check. */
  1008: { after: "back-off" },
  /** Frame too big; do not repeat it. */
  1009: { after: "reconnect" },
  /** Restart; come back after DRAIN's retryAfterMs. */
  1012: { after: "after-drain" },
  /** Overloaded; come back after retry=<ms> in the reason. */
  1013: { after: "after-retry" },
  /** Idle: nothing received in time. */
  4000: { after: "reconnect" },
  /** Login revoked or expired. */
  4001: { after: "stop" },
  /** The account was disabled (reason: account_disabled); bans are kept for a later version. */
  4003: { after: "stop" },
  /** Slow consumer: above half its queue for 5 s. */
  4008: { after: "reconnect" },
  /** Over the user's cap of connections; the oldest goes. */
  4029: { after: "stop-until-focus" },
} as const satisfies Record<number, CloseRow>;

export type CloseCode = keyof typeof CLOSE_CODES;
