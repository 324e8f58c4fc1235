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
  /** Seconds that a token lives which a server key asks for. */
  tokenSecondsMin: 60,
  tokenSecondsMax: 2_592_000,
  tokenSecondsDefault: 3600,
} as const;
