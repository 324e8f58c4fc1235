/** What a client does after a close: the SDK's policy is derived from this. */
export type AfterClose = "reconnect" | "back-off" | "after-drain" | "after-retry" | "stop" | "stop-until-focus";

/**
 * Every code with which a WebSocket connection ends, as far as the protocol gives it a meaning (RFC 6455 section 7.4). What each means is a
 * comment, since pages load this table.
 */
export const CLOSE_CODES = {
  /** Going away. */
  1000: "reconnect",
  /** Going away. */
  1001: "reconnect",
  /** Cut; also a slow consumer at the hard limit. */
  1006: "reconnect",
  /** Policy: no RESUME in time, broken frames, too many before the token was checked. */
  1008: "back-off",
  /** A frame was too big; do not repeat it. */
  1009: "reconnect",
  /** Restart; come back after DRAIN's `retryAfterMs`. */
  1012: "after-drain",
  /** Overloaded; come back after `retry=<ms>` in the reason. */
  1013: "after-retry",
  /** Idle: nothing was received in time. */
  4000: "reconnect",
  /** The login was revoked or has expired. */
  4001: "stop",
  /** The person, or their address, is banned (reason: `banned`), or the account was disabled (`account_disabled`). */
  4003: "stop",
  /** Slow consumer: above half its queue for 5 s. */
  4008: "reconnect",
  /** Over the user's cap of connections; the oldest goes. */
  4029: "stop-until-focus",
} as const satisfies Record<number, AfterClose>;

export type CloseCode = keyof typeof CLOSE_CODES;
