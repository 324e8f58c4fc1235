/** Bounds of `/api/v1/server`, apart from those of people's clients, so that pages do not load them. */
export const SERVER_LIMITS = {
  /** Bytes of an HTTP body. */
  bodyBytes: 262_144,
  /** Items of a list: people, messages. */
  items: 100,
  /** Code points of an external id. */
  externalIdCodePoints: 128,
  /** Code points of the name of a person who has an external id. */
  displayNameCodePoints: 64,
  /** Lifetime in seconds of a token that a server key requests. */
  tokenSecondsMin: 60,
  tokenSecondsMax: 2_592_000,
  tokenSecondsDefault: 3600,
  /** People whom one notification or event names. */
  recipients: 1000,
  /** Rooms that one event names. */
  recipientRooms: 100,
  /** Code points of a notification's title and text. */
  titleCodePoints: 200,
  noticeCodePoints: 2000,
  /** Characters of a notification's link. */
  linkLength: 2048,
  /** Code points of `key`, `dedupeKey` and `collapseKey`. */
  keyCodePoints: 128,
  /** Seconds of the longest `ttl`, which is also how long a notification is kept without one. */
  ttlSecondsMax: 7_776_000,
} as const;
